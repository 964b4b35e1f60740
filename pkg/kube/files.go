package kube

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// WriteFiles puts files, by path relative to dir, into a running container.
// Each file appears whole: it is written beside its place under a hidden name
// and renamed. The container needs sh, base64, mkdir and mv.
func (c *Client) WriteFiles(ctx context.Context, pod, container, dir string, files map[string]string) error {
	return c.changeFiles(ctx, pod, container, dir, files, nil)
}

// RemoveFiles removes files, by path relative to dir, from a running
// container. A file that is not there is no error.
func (c *Client) RemoveFiles(ctx context.Context, pod, container, dir string, names ...string) error {
	return c.changeFiles(ctx, pod, container, dir, nil, names)
}

func (c *Client) changeFiles(ctx context.Context, pod, container, dir string, write map[string]string, remove []string) error {
	script, err := fileScript(dir, write, remove)
	if err != nil {
		return fmt.Errorf("change files in pod %s/%s: %w", c.namespace, pod, err)
	}
	// By standard input, as an argument's length is limited.
	_, _, err = c.Exec(ctx, pod, container, []string{"sh", "-s"}, strings.NewReader(script))
	return err
}

// fileScript writes all files first and renames them last, so that a full
// disk leaves every file as it was.
func fileScript(dir string, files map[string]string, remove []string) (string, error) {
	var write, rename strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		target, err := inside(dir, name)
		if err != nil {
			return "", err
		}
		// Named after its target: several processes may write into one folder at the same time.
		hidden := path.Join(path.Dir(target), "."+path.Base(target)+".airworthy-tmp")
		fmt.Fprintf(&write, "mkdir -p -- %s\n", quote(path.Dir(target)))
		fmt.Fprintf(&write, "base64 -d > %s <<'END'\n%s\nEND\n", quote(hidden), fold(files[name]))
		fmt.Fprintf(&rename, "mv -f -- %s %s\n", quote(hidden), quote(target))
	}
	for _, name := range remove {
		target, err := inside(dir, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&rename, "rm -f -- %s\n", quote(target))
	}
	return "set -e\n" + write.String() + rename.String(), nil
}

// inside refuses names that would leave dir.
func inside(dir, name string) (string, error) {
	clean := path.Clean(name)
	if name == "" || clean == "." || path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
		return "", fmt.Errorf("file name %q is not a path below %s", name, dir)
	}
	return path.Join(dir, clean), nil
}

// quote makes one word of the shell.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// fold encodes content in lines that every base64 accepts.
func fold(content string) string {
	const width = 76
	text := base64.StdEncoding.EncodeToString([]byte(content))
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width])
		b.WriteByte('\n')
		text = text[width:]
	}
	b.WriteString(text)
	return b.String()
}
