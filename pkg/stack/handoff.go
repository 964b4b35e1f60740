package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/addon"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// Handoff is a standing stack as data: everything that another process needs
// to use it. It holds secrets; files of it have mode 0600.
type Handoff struct {
	Name string     `json:"name"`
	Run  config.Run `json:"run"`
	// FileValues are what platform.valuesFiles hold, decrypted, and FileSecrets the
	// texts of them that evidence must not hold. They are never written;
	// ValuesDigest tells whether they are still the same.
	FileValues    map[string]any        `json:"-"`
	FileSecrets   []string              `json:"-"`
	ValuesDigest  string                `json:"valuesDigest,omitempty"`
	Cluster       environment.Info      `json:"cluster"`
	Release       platform.Release      `json:"release"`
	Plan          platform.Plan         `json:"plan"`
	Addons        []addon.Plan          `json:"addons,omitempty"`
	AddonsIn      string                `json:"addonsIn"` // namespace of all add-ons
	Features      []conformance.Feature `json:"features"`
	NotOffered    []conformance.Absence `json:"notOffered"`          // of the other features, why
	Grafana       bool                  `json:"grafana"`             // is brought
	NoGrafana     string                `json:"noGrafana,omitempty"` // why not, where the run file leaves it open
	AirflowURL    string                `json:"airflowURL"`          // from this machine
	AirflowImage  string                `json:"airflowImage"`
	AdminUser     string                `json:"adminUser"`
	AdminPassword string                `json:"adminPassword"`
	FernetKey     string                `json:"fernetKey"`
	// ConnectionSecret is the password of the connections that checks look at.
	ConnectionSecret string              `json:"connectionSecret"`
	JWTSecret        string              `json:"jwtSecret"`
	APISecretKey     string              `json:"apiSecretKey"`
	Engine           string              `json:"engine"` // address of the container engine; empty where none was used
	Database         service.Endpoint    `json:"database"`
	DatabaseAdmin    service.Endpoint    `json:"databaseAdmin"` // the server's administrator; without an address where nobody may be one
	ObjectStorage    service.Endpoint    `json:"objectStorage"` // the least-privilege user
	ObjectAdmin      service.Endpoint    `json:"objectAdmin"`   // the root user
	Next             standing.Next       `json:"next"`
	LogStore         service.Endpoint    `json:"logStore"` // Graylog's API; without an address where no logs are shipped
	Git              service.Git         `json:"git"`      // where DAG files come from, where they come from Git
	Images           []images.Resolution `json:"images"`
	Secrets          []string            `json:"secrets"` // what evidence must not hold, beside FileSecrets
	Started          time.Time           `json:"started"`
	Disturbances     string              `json:"disturbances"` // begins the names of standing.Silences and standing.Kills
	Ready            bool                `json:"ready"`        // false while Up is under way, or after it died
	// ACME is Pebble: its ACME API for pods, its management API for this machine.
	ACME            service.Endpoint `json:"acme,omitzero"`
	ACMECertificate string           `json:"acmeCertificate,omitempty"` // PEM, which verifies the server's own
	Ingress         platform.Reached `json:"ingress,omitzero"`
}

// AllSecrets gives every value that evidence must not hold.
func (h Handoff) AllSecrets() []string { return slices.Concat(h.Secrets, h.FileSecrets) }

// namedSecrets are all of them by what they are.
func namedSecrets(h Handoff) map[string]string {
	return standing.Stack{
		AdminPassword: h.AdminPassword, FernetKey: h.FernetKey, JWTSecret: h.JWTSecret, APISecretKey: h.APISecretKey,
		Database: h.Database, ObjectStorage: h.ObjectStorage, ObjectAdmin: h.ObjectAdmin, LogStore: h.LogStore,
		Git: h.Git, ConnectionSecret: h.ConnectionSecret, Secrets: h.AllSecrets(),
	}.NamedSecrets()
}

// HandoffPath is where the handoff of a stack lies below the state directory.
func HandoffPath(state, name string) string { return filepath.Join(state, "stacks", name+".json") }

// disturbancesOf lies beside the handoff of a stack.
func disturbancesOf(state, name string) string {
	return strings.TrimSuffix(HandoffPath(state, name), ".json")
}

// ReadHandoff reads the file of one stack.
func ReadHandoff(path string) (Handoff, error) {
	var h Handoff
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, fmt.Errorf("no stack is described by %s: bring one up with `airworthy up`: %w", path, err)
	}
	if err != nil {
		return h, fmt.Errorf("read stack: %w", err)
	}
	if err := json.Unmarshal(data, &h); err != nil {
		return h, fmt.Errorf("read stack %s: %w", path, err)
	}
	return h, nil
}

// WriteHandoff replaces the file at once, so that a reader never sees half of it.
func WriteHandoff(path string, h Handoff) error {
	data, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return fmt.Errorf("write stack: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write stack: %w", err)
	}
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("write stack: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write stack: %w", err)
	}
	return nil
}

// Standing lists the stacks that the state directory knows, half-made ones
// included, ordered by name.
func Standing(state string) ([]Handoff, error) {
	paths, err := filepath.Glob(HandoffPath(state, "*"))
	if err != nil {
		return nil, fmt.Errorf("list stacks: %w", err)
	}
	var (
		stacks []Handoff
		errs   []error
	)
	for _, path := range paths {
		h, err := ReadHandoff(path)
		if err != nil {
			errs = append(errs, err)
			// A file that cannot be read still names a stack that can be removed.
			h.Name = strings.TrimSuffix(filepath.Base(path), ".json")
		}
		stacks = append(stacks, h)
	}
	slices.SortFunc(stacks, func(a, b Handoff) int { return strings.Compare(a.Name, b.Name) })
	return stacks, errors.Join(errs...)
}
