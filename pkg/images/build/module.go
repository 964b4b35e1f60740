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
	// Outside of any module, whose requirements would decide otherwise.
	got, err := downloadModule(ctx, cache, m.Module)
	if err != nil {
		return "", err
	}
	if got.Sum != m.Sum {
		return "", fmt.Errorf("download Go module %s: its sum is %s, the recipe was written for %s", m.Module, got.Sum, m.Sum)
	}
	return filepath.Join(got.Dir, filepath.FromSlash(m.From)), nil
}

// downloaded is what the go command says of a module.
type downloaded struct{ Dir, Sum, Error string }

// downloadModule has the go command fetch a module for the module in dir, if any: its
// go.mod then says the version, and its go.sum what must come.
func downloadModule(ctx context.Context, dir, module string) (downloaded, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GOWORK=off")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	var got downloaded
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || got.Error != "" || runErr != nil {
		return got, fmt.Errorf("download Go module %s: %s", module, firstOf(got.Error, stderr.String(), fmt.Sprint(runErr)))
	}
	return got, nil
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
