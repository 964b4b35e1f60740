// Package stack composes cluster, services, images and platform in one visible
// order: Up, Attach, Down. It must not know Ginkgo or Gomega.
package stack

import (
	"context"
	"time"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service"
)

// Handoff is a standing stack as data: everything that another process needs
// to use it. It holds secrets; files of it have mode 0600.
type Handoff struct {
	Name          string                `json:"name"`
	Run           config.Run            `json:"run"`
	Cluster       environment.Info      `json:"cluster"`
	Release       platform.Release      `json:"release"`
	Plan          platform.Plan         `json:"plan"`
	Features      []conformance.Feature `json:"features"`
	AirflowURL    string                `json:"airflowURL"` // from this machine
	AdminUser     string                `json:"adminUser"`
	AdminPassword string                `json:"adminPassword"`
	Database      service.Endpoint      `json:"database"`
	ObjectStorage service.Endpoint      `json:"objectStorage"` // the least-privilege user
	ObjectAdmin   service.Endpoint      `json:"objectAdmin"`   // the root user
	Images        []images.Resolution   `json:"images"`
	Secrets       []string              `json:"secrets"` // every value that evidence must not hold
	Started       time.Time             `json:"started"`
	Ready         bool                  `json:"ready"` // false while Up is under way, or after it died
}

// Options of Up.
type Options struct {
	Run      config.Run
	State    string   // directory for handoffs
	Cache    string   // directory for image builds and downloads
	Dir      string   // run directory (out/RUN); setup/ is written below it
	Progress Progress // may be nil
}

// Progress is told what the set-up does. Calls may come concurrently.
type Progress interface {
	// Step begins a named part (cluster, postgres, images, platform ...);
	// the returned function ends it.
	Step(name string) (end func(error))
	// Waiting says what a part is waiting for at the moment.
	Waiting(name, what string)
}

// Stack is a standing stack.
type Stack struct {
	Handoff Handoff
	Cluster environment.Cluster
}

// The functions of this package:
//
//	Up(ctx, Options) (*Stack, error)            brings up, or goes on with, the stack Run.Name
//	Attach(ctx, state, name) (*Stack, error)    uses a standing one
//	Down(ctx, state, name) (Removed, error)     removes by label, also after a crash
//	Standing(state) ([]Handoff, error)          lists
var _ = context.Background
