package build

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
)

// moduleDir downloads a Go module, or finds it in the module cache, and checks
// that it is the one that the recipe was written for.
func moduleDir(ctx context.Context, cache string, m moduleFiles) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", m.Module)
	cmd.Dir = cache // outside of any module, whose requirements would decide otherwise
	cmd.Env = append(cmd.Environ(), "GOWORK=off")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	var got struct{ Dir, Sum, Error string }
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || got.Error != "" || runErr != nil {
		return "", fmt.Errorf("download Go module %s: %s", m.Module, firstOf(got.Error, stderr.String(), fmt.Sprint(runErr)))
	}
	if got.Sum != m.Sum {
		return "", fmt.Errorf("download Go module %s: its sum is %s, the recipe was written for %s", m.Module, got.Sum, m.Sum)
	}
	return filepath.Join(got.Dir, filepath.FromSlash(m.From)), nil
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
