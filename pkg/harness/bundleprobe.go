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

// BundleProbe has Airflow fetch its Git bundle as the DAG processor does, in the
// DAG processor's own container, but with other known hosts and into a folder of
// its own.
func (s *Session) BundleProbe(ctx context.Context, name, knownHosts string) (Probed, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	said, err := s.exec(ctx, "dag-processor", "python", "-c", bundleProbe, knownHosts)
	if err != nil {
		return Probed{}, err
	}
	probed, err := bundleAnswer(said)
	s.fact("bundle-"+name, probed)
	return probed, err
}

// bundleAnswer reads the last line: Airflow logs to standard output too.
func bundleAnswer(said string) (Probed, error) {
	said = strings.TrimSpace(said)
	var probed Probed
	if err := json.Unmarshal([]byte(said[strings.LastIndexByte(said, '\n')+1:]), &probed); err != nil {
		return probed, fmt.Errorf("read what the bundle fetched: %w: %.300q", err, said)
	}
	return probed, nil
}

// KnownHosts is the known_hosts line of the Git server's own key.
func (s *Session) KnownHosts() (string, error) {
	git := s.suite.stack.Git
	return git.KnownHosts(git.SSH.FromPod)
}
