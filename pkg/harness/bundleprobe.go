package harness

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed bundleprobe.py
var bundleProbe string

// BundleAsked is what takes the place of the platform's own, where it is not empty.
type BundleAsked struct {
	KnownHosts string `json:"knownHosts,omitempty"`
	CA         string `json:"ca,omitempty"`
	Token      string `json:"token,omitempty"` // it can be read in the container's processes, so it is no real one
}

// BundleProbe has Airflow fetch its Git bundle as the DAG processor does, in the
// DAG processor's own container, but as asked and into a folder of its own.
func (s *Session) BundleProbe(ctx context.Context, name string, asked BundleAsked) (Probed, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	argument, err := json.Marshal(asked)
	if err != nil {
		return Probed{}, fmt.Errorf("ask for the bundle: %w", err)
	}
	said, err := s.exec(ctx, "dag-processor", "python", "-c", bundleProbe, string(argument))
	if err != nil {
		return Probed{}, err
	}
	var probed Probed
	err = lastLine(said, &probed)
	if err == nil && asked.Token != "" {
		probed.Showed, err = holds([]byte(said), asked.Token)
	}
	s.fact("bundle-"+name, probed)
	return probed, err
}

// lastLine reads the JSON that a program of ours prints last in a container of
// the platform: Airflow logs to standard output too.
func lastLine(said string, into any) error {
	said = strings.TrimSpace(said)
	if err := json.Unmarshal([]byte(said[strings.LastIndexByte(said, '\n')+1:]), into); err != nil {
		return fmt.Errorf("read what was printed: %w: %.300q", err, said)
	}
	return nil
}

// KnownHosts is the known_hosts line of the Git server's own key.
func (s *Session) KnownHosts() (string, error) {
	git := s.suite.stack.Git
	return git.KnownHosts(git.SSH.FromPod)
}
