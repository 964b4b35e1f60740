package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
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

	// standing are the stacks that a second signal would leave behind.
	standing struct {
		sync.Mutex
		names []string
	}
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
	a.standing.Lock()
	defer a.standing.Unlock()
	if len(a.standing.names) == 0 {
		return fmt.Sprintf("airworthy: %s again: ended at once; no stack was standing", s)
	}
	text := fmt.Sprintf("airworthy: %s again: ended at once", s)
	for _, name := range a.standing.names {
		text += fmt.Sprintf("; what the stack %s had made is still there: `airworthy down %s` removes it", name, name)
	}
	return text
}

// stands says that the stack of this name may exist from now on.
func (a *app) stands(name string) {
	a.gone(name)
	a.standing.Lock()
	defer a.standing.Unlock()
	a.standing.names = append(a.standing.names, name)
}

// gone says that nothing is left of the stack of this name.
func (a *app) gone(name string) {
	a.standing.Lock()
	defer a.standing.Unlock()
	a.standing.names = slices.DeleteFunc(a.standing.names, func(n string) bool { return n == name })
}

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
