package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/stack"
)

// fileValues reads platform.valuesFiles. A program beside this one decrypts
// them, and hands them over through a pipe: nothing of it is written.
func fileValues(ctx context.Context, run config.Run) (stack.Values, error) {
	var values stack.Values
	if len(run.Platform.ValuesFiles) == 0 {
		return values, nil
	}
	reader, err := beside("airworthy-values")
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
