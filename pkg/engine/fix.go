package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/airworthy/airworthy/pkg/await"
)

// Fix mends what it can: it starts an engine that is installed, installs one
// where there is none, fetches a docker command, and raises kernel limits.
// Everything it does is reported first, a line each. It changes nothing that
// works, so that calling it again is cheap. What it cannot mend and that is
// fatal comes back as one error that says what to do.
func Fix(ctx context.Context, o Options, report func(string)) error {
	if report == nil {
		report = func(string) {}
	}
	return fix(ctx, thisMachine(), o, report)
}

// fixer is one call of Fix.
type fixer struct {
	machine
	Options
	report func(string)
}

func (f *fixer) say(format string, args ...any) { f.report(fmt.Sprintf(format, args...)) }

func fix(ctx context.Context, m machine, o Options, report func(string)) error {
	s, err := detect(ctx, m, o)
	if err != nil {
		return err
	}
	if !s.Fixable() {
		return s.Err()
	}
	if !filepath.IsAbs(o.Dir) {
		return fmt.Errorf("fix the container engine: directory %q must be absolute", o.Dir)
	}
	unlock, err := lock(ctx, o.Dir, report)
	if err != nil {
		return err
	}
	defer unlock()
	o.Host = s.Host
	f := &fixer{machine: m, Options: o, report: report}
	return f.all(ctx)
}

func (f *fixer) all(ctx context.Context) error {
	// Somebody else may have mended it while the lock was theirs.
	s, err := detect(ctx, f.machine, f.Options)
	if err != nil {
		return err
	}
	var failed []error
	if !s.Reachable && s.repair(f.machine) {
		if err := f.engine(ctx, s); err != nil {
			return err
		}
		if s, err = detect(ctx, f.machine, f.Options); err != nil {
			return err
		}
	}
	// Without an engine its command is of no use, and is not what to hear of.
	if s.CLI == "" && s.Reachable && f.release().debian {
		failed = append(failed, f.cli(ctx))
	}
	if f.uid == 0 && s.local() {
		failed = append(failed, f.raise("max_user_instances", instances), f.raise("max_user_watches", watches))
		if s.Debootstrap == "" && f.release().debian {
			f.optional(ctx, "debootstrap", "which makes base images from packages")
		}
		if s.Browser == "" && f.release().debian {
			f.optional(ctx, "chromium", "by which the user interface is checked through the ingress")
		}
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if s, err = detect(ctx, f.machine, f.Options); err != nil {
		return err
	}
	return s.Err()
}

// optional installs what many runs do without: those that need it say so, and
// a machine where every image is there may have no network.
func (f *fixer) optional(ctx context.Context, name, use string) {
	f.say("installing %s, %s", name, use)
	if err := f.install(ctx, name); err != nil {
		f.say("going on without %s: %v", name, err)
	}
}

// engine brings up an engine: the installed one, or a new one.
func (f *fixer) engine(ctx context.Context, s Status) error {
	daemon := s.Daemon
	if daemon == "" {
		var err error
		if daemon, err = f.installEngine(ctx); err != nil {
			return fmt.Errorf("install a container engine: %w", err)
		}
		// The package's own scripts may have started it.
		if d, err := f.ask(ctx, f.Host); err == nil {
			f.say("Docker %s answers at %s", d.version, f.Host)
			return nil
		}
	}
	if err := f.startEngine(ctx, daemon); err != nil {
		return fmt.Errorf("start the container engine: %w", err)
	}
	return nil
}

// raise lifts a limit of inotify where it is lower than wanted. It holds until
// the machine is started anew.
func (f *fixer) raise(name string, wanted int) error {
	have := f.number(inotify + name)
	if have < 0 || have >= wanted {
		return nil
	}
	f.say("raising fs.inotify.%s from %d to %d until the next boot", name, have, wanted)
	if err := f.writeFile(inotify+name, []byte(strconv.Itoa(wanted))); err != nil {
		// A container's root may not: nodes mostly come up without it.
		f.say("could not raise it: %v", err)
	}
	return nil
}

// lock keeps two runs from installing at the same time; it waits for the other
// one as long as ctx allows.
func lock(ctx context.Context, dir string, report func(string)) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make directory for the container engine: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	said := false
	_, err = await.Until(ctx, "another airworthy that holds "+file.Name(), 200*time.Millisecond,
		func(context.Context) (struct{}, error) {
			err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
			if err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
				err = await.Stop(err)
			}
			if err != nil && !said {
				said = true
				report("waiting for another airworthy that mends this machine")
			}
			return struct{}{}, err
		},
		func(struct{}) error { return nil })
	if err != nil {
		file.Close()
		return nil, err
	}
	return func() { file.Close() }, nil
}
