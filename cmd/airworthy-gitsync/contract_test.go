package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// contract is what of git-sync v4's manual the stand-in promises to do alike,
// by section, each with the test that holds it to that. What is not in this
// table is not covered: cookie files, --askpass-url, GitHub apps, --credential,
// partial clones, sparse checkouts, webhooks, signals, --init-period,
// --pre-publish-exechook-command, and the obsolete flags of v3. Held elsewhere, where
// there are real servers, by pkg/service/gitserver and the checks of dagsync: SSH keys
// and known hosts, user and password over HTTPS, --add-user. Taken, and held by
// nothing: --git-gc, --sync-timeout, --exechook-timeout, --exechook-backoff.
var contract = []struct {
	promise string
	test    func(*testing.T, *fixture)
}{
	{"CONTRACT: the last part of the link's target is the hash of what is synced", linkNamesHash},
	{"CONTRACT: the link is replaced in one step and is valid at every moment", linkIsAtomic},
	{"CONTRACT: a folder that holds other things is emptied and used", rootIsEmptied},
	{"CONTRACT: everything below --root is relative, so that it can be mounted elsewhere", rootMoves},
	{"--ref: a branch, a tag object, a light tag, a full hash, and HEAD when not given", refs},
	{"--ref: a name that the remote does not have is an error that names it", missingRef},
	{"--depth: one commit when not given, N as asked, all with 0", depths},
	{"--submodules: recursive when not given, shallow for the first level, off for none", submodules},
	{"--period, --one-time: a change is fetched after the period; once ends after the first", period},
	{"--max-failures: none when not given; negative never ends; failures in a row are counted", maxFailures},
	{"--stale-worktree-timeout: replaced files go at once, or stay as long as asked", staleWorktrees},
	{"--touch-file: touched after every sync, also one that changed nothing", touchFile},
	{"--error-file: holds the last error, and goes with it", errorFile},
	{"--exechook-command: runs in the synced files with GITSYNC_HASH, also when a start finds them there", exechook},
	{"--group-write: files and folders are writable by the group", groupWrite},
	{"--http-bind: / is 503 until the first sync and 200 thereafter; --http-metrics serves counts", httpEndpoint},
	{"--git-config: keys and values reach git, quoted and escaped as documented", passesGitConfig},
	{"--link: defaults to the last part of --repo; a path is relative to --root", linkDefault},
	{"a damaged worktree is noticed and made again", repairs},
}

func TestContract(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on PATH: the contract is tested with the real one")
	}
	for _, c := range contract {
		t.Run(c.promise, func(t *testing.T) {
			t.Parallel()
			c.test(t, newFixture(t))
		})
	}
}

// fixture is a remote repository and a root.
type fixture struct {
	dir, remote, root string
}

func newFixture(t *testing.T) *fixture {
	dir := t.TempDir()
	f := &fixture{dir: dir, remote: filepath.Join(dir, "remote"), root: filepath.Join(dir, "root")}
	f.git(t, dir, "init", "--quiet", "--initial-branch=main", f.remote)
	f.commit(t, "file", "one")
	return f
}

func (f *fixture) git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "GIT_ALLOW_PROTOCOL=file")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (f *fixture) commit(t *testing.T, name, content string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.remote, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	f.git(t, f.remote, "add", "--all")
	f.git(t, f.remote, "commit", "--quiet", "--message", content)
	return f.git(t, f.remote, "rev-parse", "HEAD")
}

// args are the flags of every test: the remote is a folder, and --depth is
// only honoured by git for a URL.
func (f *fixture) args(more ...string) []string {
	return append([]string{"--repo=file://" + f.remote, "--root=" + f.root, "--link=link", "--git-config=protocol.file.allow:always"}, more...)
}

func (f *fixture) sync(ctx context.Context, args ...string) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	return run(ctx, f.args(args...), func(string) (string, bool) { return "", false }, null)
}

func (f *fixture) once(t *testing.T, args ...string) {
	t.Helper()
	if err := f.sync(t.Context(), append(args, "--one-time")...); err != nil {
		t.Fatal(err)
	}
}

// going runs until the test ends.
func (f *fixture) going(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.sync(ctx, append([]string{"--period=20ms"}, args...)...) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the syncs ended: %v", err)
		}
	})
}

func (f *fixture) hash(t *testing.T) string {
	t.Helper()
	target, err := os.Readlink(filepath.Join(f.root, "link"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(target)
}

func (f *fixture) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(f.root, "link", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// eventually looks every 10 ms, for 10 s at most.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: not within 10 s", what)
}

func linkNamesHash(t *testing.T, f *fixture) {
	f.once(t)
	if want := f.git(t, f.remote, "rev-parse", "HEAD"); f.hash(t) != want {
		t.Errorf("the link names %s, want %s", f.hash(t), want)
	}
	if f.read(t, "file") != "one" {
		t.Errorf("the file holds %q", f.read(t, "file"))
	}
}

func linkIsAtomic(t *testing.T, f *fixture) {
	for _, name := range []string{"a", "b"} {
		f.commit(t, name, "0")
	}
	f.once(t)
	f.going(t)
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for n := range 10 {
			text := string(rune('1' + n))
			_ = os.WriteFile(filepath.Join(f.remote, "a"), []byte(text), 0o644)
			f.commit(t, "b", text)
			time.Sleep(30 * time.Millisecond)
		}
	}()
	for {
		select {
		case <-stop:
			return
		default:
		}
		// One look at the link, then both files below what it named: they belong together.
		target, err := os.Readlink(filepath.Join(f.root, "link"))
		if err != nil {
			t.Fatalf("there is no link: %v", err)
		}
		a, errA := os.ReadFile(filepath.Join(f.root, target, "a"))
		b, errB := os.ReadFile(filepath.Join(f.root, target, "b"))
		if gone := errors.Join(errA, errB); gone == nil && !bytes.Equal(a, b) {
			t.Fatalf("files of two commits: %q and %q", a, b)
		}
	}
}

func rootIsEmptied(t *testing.T, f *fixture) {
	if err := os.MkdirAll(filepath.Join(f.root, "old", "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.once(t)
	if _, err := os.Stat(filepath.Join(f.root, "old")); !os.IsNotExist(err) {
		t.Errorf("what was there is still there: %v", err)
	}
}

func rootMoves(t *testing.T, f *fixture) {
	f.once(t)
	moved := filepath.Join(f.dir, "elsewhere")
	if err := os.Rename(f.root, moved); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(moved, "link", "file")); err != nil || string(data) != "one" {
		t.Errorf("after a move: %q, %v", data, err)
	}
	f.git(t, filepath.Join(moved, "link"), "-c", "safe.directory=*", "status")
}

func refs(t *testing.T, f *fixture) {
	first := f.git(t, f.remote, "rev-parse", "HEAD")
	f.git(t, f.remote, "tag", "--annotate", "--message", "x", "object")
	f.git(t, f.remote, "tag", "light")
	f.git(t, f.remote, "branch", "side")
	second := f.commit(t, "file", "two")
	for ref, want := range map[string]string{"": second, "main": second, "side": first, "object": first, "light": first, first: first} {
		args := []string{}
		if ref != "" {
			args = append(args, "--ref="+ref)
		}
		f.once(t, args...)
		if f.hash(t) != want {
			t.Errorf("--ref=%s gave %s, want %s", ref, f.hash(t), want)
		}
	}
}

func missingRef(t *testing.T, f *fixture) {
	err := f.sync(t.Context(), "--one-time", "--ref=nothing")
	if err == nil || !strings.Contains(err.Error(), `no branch or tag "nothing"`) {
		t.Errorf("got %v", err)
	}
}

func depths(t *testing.T, f *fixture) {
	f.commit(t, "file", "two")
	f.commit(t, "file", "three")
	for _, one := range []struct {
		args []string
		want string
	}{{nil, "1"}, {[]string{"--depth=2"}, "2"}, {[]string{"--depth=0"}, "3"}} {
		root := *f
		root.root = t.TempDir()
		root.once(t, one.args...)
		if got := f.git(t, filepath.Join(root.root, "link"), "rev-list", "--count", "HEAD"); got != one.want {
			t.Errorf("%v: %s commits, want %s", one.args, got, one.want)
		}
	}
}

func submodules(t *testing.T, f *fixture) {
	inner, outer := newFixture(t), newFixture(t)
	inner.commit(t, "deep", "deep")
	outer.git(t, outer.remote, "submodule", "add", "--quiet", "file://"+inner.remote, "inner")
	outer.commit(t, "middle", "middle")
	f.git(t, f.remote, "submodule", "add", "--quiet", "file://"+outer.remote, "outer")
	f.commit(t, "file", "two")
	for mode, want := range map[string][2]bool{"": {true, true}, "recursive": {true, true}, "shallow": {true, false}, "off": {false, false}} {
		root := *f
		root.root = t.TempDir()
		args := []string{}
		if mode != "" {
			args = append(args, "--submodules="+mode)
		}
		root.once(t, args...)
		for i, file := range []string{"outer/middle", "outer/inner/deep"} {
			if _, err := os.Stat(filepath.Join(root.root, "link", file)); (err == nil) != want[i] {
				t.Errorf("--submodules=%s: %s is there: %t, want %t", mode, file, err == nil, want[i])
			}
		}
	}
}

func period(t *testing.T, f *fixture) {
	f.going(t)
	eventually(t, "the first sync", func() bool { _, err := os.Stat(filepath.Join(f.root, "link", "file")); return err == nil })
	want := f.commit(t, "file", "two")
	eventually(t, "the change", func() bool { return f.hash(t) == want })
}

func maxFailures(t *testing.T, f *fixture) {
	broken := []string{"--repo=file://" + f.remote + "-none", "--period=10ms"}
	if err := f.sync(t.Context(), broken...); err == nil || !strings.Contains(err.Error(), "(1 in a row)") {
		t.Errorf("by default: %v", err)
	}
	if err := f.sync(t.Context(), append(broken, "--max-failures=2")...); err == nil || !strings.Contains(err.Error(), "(3 in a row)") {
		t.Errorf("with 2: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := f.sync(ctx, append(broken, "--max-failures=-1")...); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with -1: %v", err)
	}
}

func staleWorktrees(t *testing.T, f *fixture) {
	first := f.git(t, f.remote, "rev-parse", "HEAD")
	old := filepath.Join(f.root, ".worktrees", first)
	f.once(t)
	f.commit(t, "file", "two")
	f.once(t, "--stale-worktree-timeout=1h")
	if _, err := os.Stat(old); err != nil {
		t.Errorf("within the timeout: %v", err)
	}
	f.once(t)
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("without a timeout it is still there: %v", err)
	}
}

func touchFile(t *testing.T, f *fixture) {
	file := filepath.Join(f.root, "touched")
	f.once(t, "--touch-file=touched")
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, past, past); err != nil {
		t.Fatal(err)
	}
	f.once(t, "--touch-file=touched")
	if info, err := os.Stat(file); err != nil || time.Since(info.ModTime()) > time.Minute {
		t.Errorf("a sync without a change did not touch it: %v", err)
	}
}

func errorFile(t *testing.T, f *fixture) {
	file := filepath.Join(f.dir, "error")
	if err := f.sync(t.Context(), "--one-time", "--ref=nothing", "--error-file="+file); err == nil {
		t.Fatal("a missing ref is no error")
	}
	if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), "nothing") {
		t.Errorf("after a failure: %q, %v", data, err)
	}
	f.once(t, "--error-file="+file)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("after a success: %v", err)
	}
}

func exechook(t *testing.T, f *fixture) {
	script, out := filepath.Join(f.dir, "hook"), filepath.Join(f.dir, "out")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho $GITSYNC_HASH $(cat file) >> "+out+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.once(t, "--exechook-command="+script)
	f.once(t, "--exechook-command="+script)
	line := f.hash(t) + " one\n"
	if data, err := os.ReadFile(out); err != nil || string(data) != line+line {
		t.Errorf("the command left %q, %v; want two lines %q", data, err, line)
	}
}

func groupWrite(t *testing.T, f *fixture) {
	f.once(t, "--group-write")
	info, err := os.Stat(filepath.Join(f.root, "link", "file"))
	if err != nil || info.Mode().Perm()&0o020 == 0 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
}

func httpEndpoint(t *testing.T, f *fixture) {
	address := "127.0.0.1:" + freePort(t)
	get := func(path string) (int, string) {
		answer, err := http.Get("http://" + address + path)
		if err != nil {
			return 0, ""
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(body)
	}
	moved := f.remote + "-moved"
	if err := os.Rename(f.remote, moved); err != nil {
		t.Fatal(err)
	}
	f.going(t, "--http-bind="+address, "--http-metrics", "--max-failures=-1")
	eventually(t, "503 before the first sync", func() bool { code, _ := get("/"); return code == http.StatusServiceUnavailable })
	eventually(t, "a failure to be counted", func() bool { _, body := get("/metrics"); return strings.Contains(body, `{status="error"}`) })
	if err := os.Rename(moved, f.remote); err != nil {
		t.Fatal(err)
	}
	eventually(t, "200 after it", func() bool { code, _ := get("/"); return code == http.StatusOK })
	_, body := get("/metrics")
	for _, series := range []string{`git_sync_count_total{status="error"} [1-9]`, `git_sync_count_total{status="success"} 1`, `git_fetch_count_total 1`, `git_sync_duration_seconds_count{status="success"} 1`} {
		if !regexp.MustCompile(series).MatchString(body) {
			t.Errorf("no series %s in:\n%s", series, body)
		}
	}
}

func passesGitConfig(t *testing.T, f *fixture) {
	moved := f.remote + "-moved"
	if err := os.Rename(f.remote, moved); err != nil {
		t.Fatal(err)
	}
	f.once(t, `--git-config="url.file://`+moved+`.insteadOf":"file://`+f.remote+`",user.name:"a, b"`)
	if f.read(t, "file") != "one" {
		t.Error("the address was not replaced")
	}
}

func linkDefault(t *testing.T, f *fixture) {
	f.once(t, "--link=")
	if _, err := os.Readlink(filepath.Join(f.root, "remote")); err != nil {
		t.Error(err)
	}
	f.once(t, "--link=below/here")
	if _, err := os.Stat(filepath.Join(f.root, "below", "here", "file")); err != nil {
		t.Error(err)
	}
}

func repairs(t *testing.T, f *fixture) {
	f.once(t)
	if err := os.RemoveAll(filepath.Join(f.root, ".git", "worktrees")); err != nil {
		t.Fatal(err)
	}
	f.once(t)
	f.git(t, filepath.Join(f.root, "link"), "-c", "safe.directory=*", "status")
}
