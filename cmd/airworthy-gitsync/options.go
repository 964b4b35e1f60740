package main

import (
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// least is the shortest time that git-sync v4 takes for periods and timeouts.
const least = 10 * time.Millisecond

type options struct {
	repo, ref, root, link    string
	depth                    int
	submodules               string // recursive | shallow | off
	period, syncTimeout      time.Duration
	oneTime                  bool
	maxFailures              int // negative: never give up
	staleTimeout             time.Duration
	touchFile, errorFile     string
	groupWrite               bool
	sshKeys                  []string
	sshKnownHosts            bool
	sshKnownHostsFile        string
	username, password       string
	passwordFile             string
	gitConfig, git, gc       string
	hookCommand              string
	hookTimeout, hookBackoff time.Duration
	httpBind                 string
	httpMetrics              bool
	addUser                  bool
	verbose                  int
	showVersion              bool
}

// environment gives defaults from variables. A value that cannot be read is a
// problem, as it is for git-sync.
type environment struct {
	lookup   func(string) (string, bool)
	problems []error
}

func (e *environment) text(name, otherwise string) string {
	if v, ok := e.lookup(name); ok && v != "" {
		return v
	}
	return otherwise
}

func read[T any](e *environment, name string, otherwise T, parse func(string) (T, error)) T {
	v := e.text(name, "")
	if v == "" {
		return otherwise
	}
	got, err := parse(v)
	if err != nil {
		e.problems = append(e.problems, fmt.Errorf("$%s: %w", name, err))
	}
	return got
}

func (e *environment) whole(name string, otherwise int) int {
	return read(e, name, otherwise, strconv.Atoi)
}

func (e *environment) truth(name string, otherwise bool) bool {
	return read(e, name, otherwise, strconv.ParseBool)
}

func (e *environment) duration(name string, otherwise time.Duration) time.Duration {
	return read(e, name, otherwise, time.ParseDuration)
}

// parse reads the command line over the environment, and says everything that
// is wrong at once.
func parse(args []string, lookup func(string) (string, bool), usage io.Writer) (options, error) {
	var o options
	e := &environment{lookup: lookup}
	f := pflag.NewFlagSet("git-sync", pflag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&o.repo, "repo", e.text("GITSYNC_REPO", ""), "the repository to sync (required)")
	f.StringVar(&o.ref, "ref", e.text("GITSYNC_REF", "HEAD"), "branch, tag or full hash")
	f.StringVar(&o.root, "root", e.text("GITSYNC_ROOT", ""), "folder for everything, below which the link is made (required)")
	f.StringVar(&o.link, "link", e.text("GITSYNC_LINK", ""), "path of the link, relative to --root; default: the last part of --repo")
	f.IntVar(&o.depth, "depth", e.whole("GITSYNC_DEPTH", 1), "commits of history; 0 is all")
	f.StringVar(&o.submodules, "submodules", e.text("GITSYNC_SUBMODULES", "recursive"), "recursive, shallow or off")
	f.DurationVar(&o.period, "period", e.duration("GITSYNC_PERIOD", 10*time.Second), "time between syncs")
	f.DurationVar(&o.syncTimeout, "sync-timeout", e.duration("GITSYNC_SYNC_TIMEOUT", 2*time.Minute), "time for one sync")
	f.BoolVar(&o.oneTime, "one-time", e.truth("GITSYNC_ONE_TIME", false), "exit after the first sync")
	f.IntVar(&o.maxFailures, "max-failures", e.whole("GITSYNC_MAX_FAILURES", 0), "failures in a row before giving up; negative: never")
	f.DurationVar(&o.staleTimeout, "stale-worktree-timeout", e.duration("GITSYNC_STALE_WORKTREE_TIMEOUT", 0), "how long replaced files are kept")
	f.StringVar(&o.touchFile, "touch-file", e.text("GITSYNC_TOUCH_FILE", ""), "file that is touched after each sync")
	f.StringVar(&o.errorFile, "error-file", e.text("GITSYNC_ERROR_FILE", ""), "file that holds the last error while there is one")
	f.BoolVar(&o.groupWrite, "group-write", e.truth("GITSYNC_GROUP_WRITE", false), "make everything writable by the group")
	keys := filepath.SplitList(e.text("GITSYNC_SSH_KEY_FILE", "/etc/git-secret/ssh"))
	f.StringArrayVar(&o.sshKeys, "ssh-key-file", keys, "SSH keys; may be given more than once")
	f.BoolVar(&o.sshKnownHosts, "ssh-known-hosts", e.truth("GITSYNC_SSH_KNOWN_HOSTS", true), "verify the server's key")
	f.StringVar(&o.sshKnownHostsFile, "ssh-known-hosts-file", e.text("GITSYNC_SSH_KNOWN_HOSTS_FILE", "/etc/git-secret/known_hosts"), "known servers' keys")
	f.StringVar(&o.username, "username", e.text("GITSYNC_USERNAME", ""), "user for HTTP")
	f.StringVar(&o.passwordFile, "password-file", e.text("GITSYNC_PASSWORD_FILE", ""), "file with the user's password or token, read before each sync")
	f.StringVar(&o.gitConfig, "git-config", e.text("GITSYNC_GIT_CONFIG", ""), "git configuration, key:value, separated by commas")
	f.StringVar(&o.git, "git", e.text("GITSYNC_GIT", "git"), "the git command")
	f.StringVar(&o.gc, "git-gc", e.text("GITSYNC_GIT_GC", "auto"), "auto, always, aggressive or off")
	f.StringVar(&o.hookCommand, "exechook-command", e.text("GITSYNC_EXECHOOK_COMMAND", ""), "command after a new hash was published")
	f.DurationVar(&o.hookTimeout, "exechook-timeout", e.duration("GITSYNC_EXECHOOK_TIMEOUT", 30*time.Second), "time for that command")
	f.DurationVar(&o.hookBackoff, "exechook-backoff", e.duration("GITSYNC_EXECHOOK_BACKOFF", 3*time.Second), "time before that command is tried again")
	f.StringVar(&o.httpBind, "http-bind", e.text("GITSYNC_HTTP_BIND", ""), "address for probes and metrics")
	f.BoolVar(&o.httpMetrics, "http-metrics", e.truth("GITSYNC_HTTP_METRICS", false), "serve /metrics")
	f.BoolVar(&o.addUser, "add-user", e.truth("GITSYNC_ADD_USER", false), "add the running user to /etc/passwd, as ssh needs it")
	f.IntVarP(&o.verbose, "verbose", "v", e.whole("GITSYNC_VERBOSE", 0), "verbosity; 5 and more logs every command")
	f.BoolVar(&o.showVersion, "version", false, "print the version and exit")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.showVersion {
		return o, nil
	}
	o.password = e.text("GITSYNC_PASSWORD", "") // never a flag: command lines are readable to others
	return o, errors.Join(append(e.problems, o.complete())...)
}

// complete fills in what follows from other options, and checks them together.
func (o *options) complete() error {
	var errs []error
	add := func(wrong bool, text string) {
		if wrong {
			errs = append(errs, errors.New(text))
		}
	}
	add(o.repo == "", "--repo is required")
	add(o.root == "", "--root is required")
	add(o.depth < 0, "--depth must be 0 or more")
	add(o.period < least, "--period must be at least "+least.String())
	add(o.syncTimeout < least, "--sync-timeout must be at least "+least.String())
	add(o.password != "" && o.passwordFile != "", "only one of $GITSYNC_PASSWORD and --password-file may be given")
	add(o.username != "" && o.password == "" && o.passwordFile == "", "--username needs $GITSYNC_PASSWORD or --password-file")
	add(o.username == "" && (o.password != "" || o.passwordFile != ""), "a password needs --username")
	add(o.httpMetrics && o.httpBind == "", "--http-metrics needs --http-bind")
	switch o.submodules {
	case "recursive", "shallow", "off":
	default:
		add(true, "--submodules must be recursive, shallow or off")
	}
	switch o.gc {
	case "auto", "always", "aggressive", "off":
	default:
		add(true, "--git-gc must be auto, always, aggressive or off")
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var err error
	if o.root, err = filepath.Abs(o.root); err != nil {
		return fmt.Errorf("--root: %w", err)
	}
	if o.link == "" {
		o.link = path.Base(strings.TrimRight(o.repo, "/"))
	}
	o.link = o.below(o.link)
	o.touchFile, o.errorFile = o.below(o.touchFile), o.below(o.errorFile)
	return nil
}

// below takes a relative path from --root; nothing stays nothing.
func (o *options) below(file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(o.root, file)
}
