package build

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
)

// What the tools use where nothing is configured.
const (
	mavenCentral = "https://repo.maven.apache.org/maven2"
	npmDefault   = "https://registry.npmjs.org"
)

// mavenRepository is where this machine's Maven would get what lies in the
// central repository: the mirror of it in the user's or the machine's settings,
// else the central repository itself. Passwords of settings are not used.
func mavenRepository() (string, error) {
	files := []string{"/etc/maven/settings.xml", "/usr/share/maven/conf/settings.xml"}
	if who, err := user.Current(); err == nil {
		files = append([]string{filepath.Join(who.HomeDir, ".m2", "settings.xml")}, files...)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("read Maven's settings: %w", err)
		}
		mirror, err := mavenMirror(data)
		if err != nil {
			return "", fmt.Errorf("read Maven's settings %s: %w", file, err)
		}
		if mirror != "" {
			return mirror, nil
		}
	}
	return mavenCentral, nil
}

// mavenMirror is the mirror of the central repository in a settings.xml.
func mavenMirror(settings []byte) (string, error) {
	var read struct {
		Mirrors []struct {
			Of      string `xml:"mirrorOf"`
			URL     string `xml:"url"`
			Blocked bool   `xml:"blocked"`
		} `xml:"mirrors>mirror"`
	}
	if err := xml.Unmarshal(settings, &read); err != nil {
		return "", err
	}
	for _, m := range read.Mirrors {
		serves := false
		for of := range strings.SplitSeq(m.Of, ",") {
			switch strings.TrimSpace(of) {
			case "*", "external:*", "central":
				serves = true
			case "!central":
				serves = false
			}
		}
		if serves && !m.Blocked {
			return strings.TrimSuffix(strings.TrimSpace(m.URL), "/"), nil
		}
	}
	return "", nil
}

// npmRegistry is the registry that this machine's npm is configured with, where
// there is an npm.
func npmRegistry(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "npm", "config", "get", "registry").Output()
	registry := strings.TrimSuffix(strings.TrimSpace(string(out)), "/")
	if err != nil || !strings.HasPrefix(registry, "http") {
		return npmDefault
	}
	return registry
}
