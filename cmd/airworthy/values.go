package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/airworthy/airworthy/pkg/config"
	imagebuild "github.com/airworthy/airworthy/pkg/images/build"
	"github.com/airworthy/airworthy/pkg/stack"
)

// fileValues reads platform.valuesFiles. A program beside this one decrypts
// them, and hands them over through a pipe: nothing of it is written.
func fileValues(ctx context.Context, run config.Run) (stack.Values, error) {
	var values stack.Values
	if len(run.Platform.ValuesFiles) == 0 {
		return values, nil
	}
	reader, err := valuesReader(ctx)
	if err != nil {
		return values, err
	}
	var args []string
	if run.Platform.AgeKey != "" {
		args = append(args, "-age-key", run.Platform.AgeKey)
	}
	cmd := exec.CommandContext(ctx, reader, append(append(args, "--"), run.Platform.ValuesFiles...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed) && ctx.Err() == nil:
		return values, usageError(errors.New(strings.TrimSpace(said.String())))
	case err != nil:
		return values, fmt.Errorf("read platform.valuesFiles: %w", err)
	}
	if err := json.Unmarshal(out, &values); err != nil {
		return values, fmt.Errorf("read platform.valuesFiles: what %s printed cannot be read", reader)
	}
	return values, nil
}

// valuesReader finds the program that reads them. Most runs need none, and it
// takes longer to compile than much of what they need: in a clone it is built
// when it is first asked for.
func valuesReader(ctx context.Context) (string, error) {
	const name = "airworthy-values"
	file, err := besidePath(name)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	dir, err := imagebuild.ProjectDir()
	if err != nil {
		return "", fmt.Errorf("read platform.valuesFiles: there is no %s beside airworthy: %w", name, err)
	}
	fmt.Fprintln(os.Stderr, "airworthy: compiling "+name+", which reads platform.valuesFiles: once, and for some minutes on a new machine")
	// Under another name first: two runs may want it at once, and one may be stopped.
	half := fmt.Sprintf("%s.%d", file, os.Getpid())
	defer os.Remove(half)
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"build"}, imagebuild.CompileFlags, []string{"-ldflags=-s -w", "-o", half, "."})...)
	cmd.Dir = filepath.Join(dir, "cmd", name)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile %s in %s: %w\n%s", name, cmd.Dir, err, bytes.TrimSpace(said))
	}
	return file, os.Rename(half, file)
}
