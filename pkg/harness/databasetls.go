package harness

import (
	"context"
	_ "embed"
	"fmt"

	"golang.org/x/sync/errgroup"
)

//go:embed databaseprobe.py
var databaseProbe string

// DatabaseTLS is how the platform reaches its database.
type DatabaseTLS struct {
	Sessions []DatabaseSession `json:"sessions"` // of the platform's user
	Misnamed []NamedLogin      `json:"misnamed"` // one of each component
}

// NamedLogin is what became of two logins with one component's own settings.
type NamedLogin struct {
	Component string `json:"component"`
	Pod       string `json:"pod"`
	As        string `json:"as"`       // the other name: the database's address
	Named     string `json:"named"`    // what went wrong under the name that is configured; empty: nothing
	Misnamed  string `json:"misnamed"` // what went wrong under the other; empty: nothing
}

// DatabaseTLS lists the platform's sessions at the database, and has every
// component log in to it with the settings that its Airflow has, under the
// database's own name and under its address, which is in no certificate.
func (s *Session) DatabaseTLS(ctx context.Context) (DatabaseTLS, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	var got DatabaseTLS
	var err error
	if got.Sessions, err = s.databaseSessions(ctx); err != nil {
		return got, err
	}
	components := s.suite.stack.Release.Components
	got.Misnamed = make([]NamedLogin, len(components))
	group, within := errgroup.WithContext(ctx)
	for i, component := range components {
		group.Go(func() error {
			pods, err := s.componentPods(within, component.Name)
			if err != nil {
				return err
			}
			if len(pods) == 0 {
				return fmt.Errorf("log in to the database from %s: it has no pod", component.Name)
			}
			said, err := s.execIn(within, pods[0].Name, component.Container, "python", "-c", databaseProbe)
			if err != nil {
				return err
			}
			tried := NamedLogin{}
			err = lastLine(said, &tried)
			tried.Component, tried.Pod = component.Name, pods[0].Name
			got.Misnamed[i] = tried
			return err
		})
	}
	err = group.Wait()
	s.fact("database-tls", got)
	return got, err
}
