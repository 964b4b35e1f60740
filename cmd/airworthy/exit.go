package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/airworthy/airworthy/pkg/conformance"
)

// The exit codes of every command.
const (
	exitConformant    = 0
	exitNotConformant = 1
	exitUsage         = 2
	exitCannotTest    = 3
)

// exitError carries an exit code with an error. A nil err means that
// everything was said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError marks a mistake in the command line or the run file.
func usageError(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUsage, err}
}

// verdictError turns a verdict into an exit code, nil when conformant.
func verdictError(v conformance.Verdict) error {
	if code := v.ExitCode(); code != exitConformant {
		return &exitError{code, nil}
	}
	return nil
}

// complain prints err and returns its exit code. What has no code of its own
// is a run that could not be made: nothing was learnt about the platform.
func complain(w io.Writer, err error) int {
	if err == nil {
		return exitConformant
	}
	code := exitCannotTest
	var e *exitError
	if errors.As(err, &e) {
		code = e.code
		if e.err == nil {
			return code
		}
	}
	fmt.Fprintf(w, "airworthy: %v\n", err)
	return code
}
