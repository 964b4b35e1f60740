package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/airworthy/airworthy/pkg/progress"
)

// app is one invocation: where it writes, and the flags that all commands share.
type app struct {
	env      environ
	out, err io.Writer

	file    string
	sets    []string
	outDir  string
	cache   string
	state   string
	noColor bool
	verbose bool

	// standing is the name of the stack that a second signal would leave behind.
	standing atomic.Pointer[string]
}

func newApp(env environ, out, err io.Writer) *app {
	return &app{env: env, out: out, err: err}
}

// execute runs one command line and returns the exit code.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	return complain(a.err, interrupted(ctx, root.ExecuteContext(ctx)))
}

// interrupted says so of err where ctx, which a signal cancels, is what ended:
// inner contexts end for other reasons.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return fmt.Errorf("interrupted: %w", err)
	}
	return err
}

// interruptible returns a context that the first SIGINT or SIGTERM cancels.
// The second ends the process at once and says what it leaves.
func (a *app) interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case s := <-signals:
				if n > 0 {
					fmt.Fprintln(a.err, a.leaving(s))
					os.Exit(exitCannotTest)
				}
				fmt.Fprintf(a.err, "airworthy: %s: stopping and cleaning up; once more ends at once\n", s)
				cancel()
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// leaving says what an immediate end leaves on the machine.
func (a *app) leaving(s os.Signal) string {
	name := a.standing.Load()
	if name == nil {
		return fmt.Sprintf("airworthy: %s again: ended at once; no stack was standing", s)
	}
	return fmt.Sprintf("airworthy: %s again: ended at once; what the stack %s had made is still there: `airworthy down %s` removes it", s, *name, *name)
}

// stands says that the stack of this name may exist from now on.
func (a *app) stands(name string) { a.standing.Store(&name) }

// gone says that no stack of this invocation is left.
func (a *app) gone() { a.standing.Store(nil) }

// view starts a progress view on the error stream: results go to the other.
// last is what the same work took the last time, nil where nobody knows.
func (a *app) view(last progress.Durations) *progress.View {
	opts := progress.Options{Last: last}
	if f, ok := a.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) && !a.env.CI && !a.verbose {
		opts.Live = true
		opts.Color = a.colors()
		opts.Width = func() int {
			w, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 80
			}
			return w
		}
	}
	return progress.New(a.err, opts)
}

func (a *app) colors() bool { return !a.noColor && !a.env.NoColor }

// usageArgs makes a mistake in the arguments a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError(fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath()))
		}
		return nil
	}
}
