package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/evidence"
)

// childGrace is how long what a child left behind may hold its output open.
const childGrace = 10 * time.Second

// Flags of e2e that are about several stacks, and not about one.
const (
	flagSideBySide = "side-by-side"
	flagOutcome    = "outcome" // hidden: the file that a child tells its parent the outcome in
)

// told is what a child says of its run beside its output and its exit code.
type told struct {
	Dir    string `json:"dir,omitempty"` // run directory
	Report bool   `json:"report"`        // whether that holds the report of this run
	Error  string `json:"error,omitempty"`
}

// tell writes an outcome for the parent; path is empty where there is none.
func tell(path string, o outcome) error {
	if path == "" {
		return nil
	}
	data, err := json.Marshal(told{Dir: o.dir, Report: o.doc != nil, Error: o.why()})
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("tell the outcome: %w", err)
	}
	return nil
}

// childArgs is the command line of a child that takes one of several run files.
func childArgs(cmd *cobra.Command, file, outcome string) []string {
	args := []string{cmd.Name(), "--" + flagOutcome + "=" + outcome}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name == flagSideBySide || f.Name == flagOutcome {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, v := range list.GetSlice() {
				args = append(args, "--"+f.Name+"="+v)
			}
			return
		}
		args = append(args, "--"+f.Name+"="+f.Value.String())
	})
	return append(args, "--", file)
}

// child is one stack in a process of its own.
type child struct {
	name     string
	program  string
	args     []string
	environ  []string
	outcome  string // file that it tells its outcome in
	out, err io.Writer
}

// fly runs the child to its end. When ctx ends it is told once, and then waited
// for: it keeps its evidence and cleans up by itself, within its own deadlines.
func (c child) fly(ctx context.Context) outcome {
	o := outcome{name: c.name}
	cmd := exec.Command(c.program, c.args...)
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.WaitDelay = c.out, c.err, c.environ, childGrace
	done, err := startGroup(cmd)
	if err != nil {
		o.err = fmt.Errorf("start %s for the stack %s: %w", c.program, c.name, err)
		return o
	}
	select {
	case err = <-done:
	case <-ctx.Done():
		// Its leader alone: the programs that it started are its own to end.
		_ = syscall.Kill(cmd.Process.Pid, syscall.SIGTERM) // it may have ended just now
		err = <-done
	}
	if state := cmd.ProcessState; state == nil || !state.Exited() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // what it could not end any more
	}
	return c.ended(o, cmd.ProcessState, err)
}

// ended reads what the child left.
func (c child) ended(o outcome, state *os.ProcessState, err error) outcome {
	var t told
	data, readErr := os.ReadFile(c.outcome)
	if readErr == nil {
		readErr = json.Unmarshal(data, &t)
	}
	if readErr != nil {
		t = told{} // killed before, or while, it told
	}
	o.dir = t.Dir
	if t.Report {
		doc, docErr := readReport(t.Dir)
		if docErr == nil {
			o.doc = &doc
		}
		err = errors.Join(err, docErr)
	}
	var why error
	if t.Error != "" {
		why = errors.New(t.Error)
	}
	switch {
	case state == nil || !state.Exited():
		o.err = fmt.Errorf("its process was killed (%w): `airworthy down %s` removes what it left", err, c.name)
	case state.ExitCode() != exitConformant && why == nil && o.doc == nil:
		o.err = &exitError{state.ExitCode(), errors.New("its output says why")}
	case state.ExitCode() != exitConformant:
		o.err = &exitError{state.ExitCode(), why}
	case t.Report && o.doc == nil:
		o.err = err
	default:
		o.err = why
	}
	return o
}

func readReport(runDir string) (reportv1.Document, error) {
	data, err := os.ReadFile(filepath.Join(runDir, string(evidence.ReportYAML)))
	if err != nil {
		return reportv1.Document{}, fmt.Errorf("read the report: %w", err)
	}
	return reportv1.Unmarshal(data)
}

// prefixed writes whole lines with the name of a stack before them. Those that
// write to one place share mu.
type prefixed struct {
	mu     *sync.Mutex
	to     io.Writer
	prefix string
	rest   []byte
}

func (p *prefixed) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	end := bytes.LastIndexByte(p.rest, '\n') + 1
	if end == 0 {
		return len(b), nil
	}
	var lines bytes.Buffer
	for line := range bytes.Lines(p.rest[:end]) {
		if len(line) > 1 {
			lines.WriteString(p.prefix)
		}
		lines.Write(line)
	}
	p.rest = append(p.rest[:0], p.rest[end:]...)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.to.Write(lines.Bytes()); err != nil {
		return 0, err
	}
	return len(b), nil
}

// flush ends a last line that had no end.
func (p *prefixed) flush() {
	if len(p.rest) > 0 {
		_, _ = p.Write([]byte("\n"))
	}
}
