// Command airworthy-gitsync stands in for git-sync v4 where its image can
// neither be pulled nor built from package registries. It takes the same flags
// and environment variables, keeps the same contract with those who read its
// files (a link whose target's last part is the hash, switched in one step), and
// runs the real git. It shares no code with git-sync. What of git-sync v4's
// documented behaviour it covers is listed by contract_test.go; a flag that it
// does not have is an error, never ignored.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// version is what --version prints. The first word keeps it apart from git-sync's own.
const version = "stand-in for git-sync v4, by airworthy"

func main() {
	signals, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch err := run(signals, os.Args[1:], os.LookupEnv, os.Stderr); {
	case err == nil, errors.Is(err, pflag.ErrHelp):
	case signals.Err() != nil:
		// Asked to stop, which is no failure of a container.
	default:
		fmt.Fprintln(os.Stderr, "FATAL:", err)
		os.Exit(1)
	}
}

// run syncs until ctx ends, once with --one-time, or until it has failed too often.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), out *os.File) error {
	o, err := parse(args, lookup, out)
	if err != nil {
		return err
	}
	if o.showVersion {
		_, err := fmt.Fprintln(out, version)
		return err
	}
	log := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level(o.verbose)}))
	log.Info("starting up", "version", version, "repo", o.repo, "ref", o.ref, "root", o.root, "link", o.link)
	if o.addUser {
		if err := addUser("/etc/passwd", os.Getuid(), os.Getgid()); err != nil {
			return err
		}
	}
	s, err := newSyncer(ctx, o, log)
	if err != nil {
		return err
	}
	if o.httpBind != "" {
		closing, err := s.serve(o.httpBind)
		if err != nil {
			return err
		}
		defer closing()
	}
	return s.loop(ctx)
}

// level maps git-sync's verbosity, in which more is louder, to slog's levels.
func level(verbose int) slog.Level {
	if verbose >= 5 {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// loop is the life of the process: syncs, and the wait between them.
func (s *syncer) loop(ctx context.Context) error {
	failures := 0
	for {
		began := time.Now()
		changed, err := s.once(ctx)
		s.count(changed, err, time.Since(began))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			failures++
			s.log.Error("sync failed", "error", err.Error(), "failures", failures)
			s.writeError(err)
			if s.o.maxFailures >= 0 && failures > s.o.maxFailures {
				return fmt.Errorf("too many failures (%d in a row): %w", failures, err)
			}
		default:
			failures = 0
			s.forgetError()
			s.synced.Store(true)
			if s.o.oneTime {
				return s.hook.finish(ctx)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(s.o.period):
		}
	}
}

// once is one sync within --sync-timeout, with what follows it.
func (s *syncer) once(ctx context.Context) (changed bool, err error) {
	within, cancel := context.WithTimeoutCause(ctx, s.o.syncTimeout, fmt.Errorf("not within --sync-timeout %s", s.o.syncTimeout))
	defer cancel()
	hash, changed, err := s.sync(within)
	if err != nil {
		if within.Err() != nil {
			err = errors.Join(context.Cause(within), err)
		}
		return changed, err
	}
	if changed || !s.synced.Load() {
		s.hook.send(ctx, hash)
	}
	return changed, s.touch()
}
