package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// syncer keeps one repository below one root.
type syncer struct {
	o      options
	log    *slog.Logger
	git    *runner
	home   string // private to this process: configuration and credentials
	hook   *hook
	synced atomic.Bool // the first sync is done
	metrics
}

func newSyncer(ctx context.Context, o options, log *slog.Logger) (*syncer, error) {
	if err := os.MkdirAll(o.root, 0o755); err != nil {
		return nil, fmt.Errorf("make --root: %w", err)
	}
	// A root that is a link would make the relative paths inside it wrong.
	root, err := filepath.EvalSymlinks(o.root)
	if err != nil {
		return nil, fmt.Errorf("find --root: %w", err)
	}
	if rel, err := filepath.Rel(o.root, o.link); err == nil && filepath.IsLocal(rel) {
		o.link = filepath.Join(root, rel)
	}
	o.root = root
	home, err := os.MkdirTemp("", "git-sync-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for configuration: %w", err)
	}
	s := &syncer{o: o, log: log, home: home, hook: newHook(o, log), metrics: newMetrics()}
	s.git, err = newRunner(ctx, o, home, log)
	return s, err
}

// sync brings the link to what the ref is now, and says whether that moved it.
func (s *syncer) sync(ctx context.Context) (hash string, changed bool, err error) {
	if err := s.git.login(ctx, s.o, s.home); err != nil {
		return "", false, err
	}
	if err := s.repository(ctx); err != nil {
		return "", false, err
	}
	if hash, err = s.resolve(ctx); err != nil {
		return "", false, err
	}
	s.sweep(ctx, s.current())
	if s.current() == hash && s.sound(ctx, hash) {
		return hash, false, nil
	}
	if err := s.fetch(ctx, hash); err != nil {
		return hash, false, err
	}
	if err := s.checkout(ctx, hash); err != nil {
		return hash, false, err
	}
	before := s.current()
	if err := s.publish(hash); err != nil {
		return hash, false, err
	}
	s.log.Info("updated successfully", "ref", s.o.ref, "remote", hash, "previous", before)
	s.retire(before)
	s.sweep(ctx, hash)
	return hash, true, s.collect(ctx)
}

// repository makes sure that --root is a repository of ours. Anything else in
// it is removed: the contract gives the whole folder to git-sync.
func (s *syncer) repository(ctx context.Context) error {
	if dir, err := s.git.git(ctx, s.o.root, "rev-parse", "--absolute-git-dir"); err == nil && dir == filepath.Join(s.o.root, ".git") {
		return nil
	}
	entries, err := os.ReadDir(s.o.root)
	if err != nil {
		return fmt.Errorf("read --root: %w", err)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(s.o.root, entry.Name())); err != nil {
			return fmt.Errorf("empty --root: %w", err)
		}
	}
	args := []string{"init", "--quiet", "--initial-branch=git-sync"}
	if s.o.groupWrite {
		args = append(args, "--shared=group")
	}
	_, err = s.git.git(ctx, s.o.root, append(args, s.o.root)...)
	return err
}

var fullHash = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// resolve asks the remote for the hash of the ref. A tag object gives way to
// the commit that it names.
func (s *syncer) resolve(ctx context.Context) (string, error) {
	listed, err := s.git.git(ctx, s.o.root, "ls-remote", "--quiet", s.o.repo, s.o.ref, s.o.ref+"^{}")
	if err != nil {
		return "", err
	}
	found := map[string]string{}
	for line := range strings.Lines(listed) {
		if f := strings.Fields(line); len(f) == 2 {
			found[f[1]] = f[0]
		}
	}
	// ls-remote matches the end of names too; these are the names that git itself would try.
	for _, name := range []string{s.o.ref, "refs/" + s.o.ref, "refs/tags/" + s.o.ref, "refs/heads/" + s.o.ref} {
		for _, exact := range []string{name + "^{}", name} {
			if hash := found[exact]; hash != "" {
				return hash, nil
			}
		}
	}
	if fullHash.MatchString(s.o.ref) {
		return s.o.ref, nil
	}
	return "", fmt.Errorf("%s has no branch or tag %q, and it is no full hash", s.o.repo, s.o.ref)
}

func (s *syncer) fetch(ctx context.Context, hash string) error {
	args := []string{"fetch", s.o.repo, hash, "--verbose", "--no-progress", "--no-tags", "--no-auto-gc"}
	shallow, err := s.git.git(ctx, s.o.root, "rev-parse", "--is-shallow-repository")
	switch {
	case err != nil:
		return err
	case s.o.depth > 0:
		args = append(args, "--depth", fmt.Sprint(s.o.depth))
	case shallow == "true":
		args = append(args, "--unshallow")
	}
	s.fetches.Inc()
	_, err = s.git.git(ctx, s.o.root, args...)
	return err
}

func (s *syncer) worktree(hash string) string { return filepath.Join(s.o.root, ".worktrees", hash) }

// checkout makes the worktree of a hash, complete, beside the current one.
func (s *syncer) checkout(ctx context.Context, hash string) error {
	tree := s.worktree(hash)
	if err := s.discard(ctx, tree); err != nil {
		return err
	}
	if _, err := s.git.git(ctx, s.o.root, "worktree", "add", "--force", "--detach", "--no-checkout", tree, hash); err != nil {
		return err
	}
	// Consumers mount the volume elsewhere: what lies in it must be relative.
	link := "gitdir: " + filepath.Join("..", "..", ".git", "worktrees", hash) + "\n"
	if err := os.WriteFile(filepath.Join(tree, ".git"), []byte(link), 0o644); err != nil {
		return fmt.Errorf("make the worktree relative: %w", err)
	}
	if _, err := s.git.git(ctx, tree, "reset", "--hard", hash, "--"); err != nil {
		return err
	}
	if s.o.submodules != "off" {
		args := []string{"submodule", "update", "--init"}
		if s.o.submodules == "recursive" {
			args = append(args, "--recursive")
		}
		if s.o.depth > 0 {
			args = append(args, "--depth", fmt.Sprint(s.o.depth))
		}
		if _, err := s.git.git(ctx, tree, args...); err != nil {
			return err
		}
	}
	if s.o.groupWrite {
		return groupWritable(tree)
	}
	return nil
}

// sound says whether the published worktree is still what it was.
func (s *syncer) sound(ctx context.Context, hash string) bool {
	head, err := s.git.git(ctx, s.worktree(hash), "rev-parse", "HEAD")
	return err == nil && head == hash
}

// current is the hash that the link names, "" where there is none.
func (s *syncer) current() string {
	target, err := os.Readlink(s.o.link)
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

// publish switches the link in one step: whoever follows it sees the old files
// or the new ones, never a mixture and never nothing.
func (s *syncer) publish(hash string) error {
	folder, name := filepath.Split(s.o.link)
	target, err := filepath.Rel(folder, s.worktree(hash))
	if err != nil {
		return fmt.Errorf("publish %s: %w", hash, err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("publish %s: %w", hash, err)
	}
	temporary := filepath.Join(folder, ".tmp-"+name)
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("publish %s: %w", hash, err)
	}
	if err := os.Symlink(target, temporary); err != nil {
		return fmt.Errorf("publish %s: %w", hash, err)
	}
	if err := os.Rename(temporary, s.o.link); err != nil {
		return fmt.Errorf("publish %s: %w", hash, err)
	}
	return nil
}

// retire starts the time that a replaced worktree is kept for.
func (s *syncer) retire(hash string) {
	if hash == "" {
		return
	}
	now := time.Now()
	if err := os.Chtimes(s.worktree(hash), now, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("cannot mark a replaced worktree", "hash", hash, "error", err.Error())
	}
}

// sweep removes worktrees that were replaced long enough ago. What cannot be
// removed is tried again after the next sync; the sync itself has succeeded.
func (s *syncer) sweep(ctx context.Context, keep string) {
	entries, err := os.ReadDir(filepath.Join(s.o.root, ".worktrees"))
	if err != nil {
		return // none was made yet
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || entry.Name() == keep || time.Since(info.ModTime()) < s.o.staleTimeout {
			continue
		}
		if err := s.discard(ctx, s.worktree(entry.Name())); err != nil {
			s.log.Error("cannot remove a replaced worktree", "hash", entry.Name(), "error", err.Error())
		}
	}
}

func (s *syncer) discard(ctx context.Context, tree string) error {
	if err := os.RemoveAll(tree); err != nil {
		return fmt.Errorf("remove worktree: %w", err)
	}
	return errors.Join(os.RemoveAll(filepath.Join(s.o.root, ".git", "worktrees", filepath.Base(tree))), ctx.Err())
}

// collect lets git forget what no worktree needs any more.
func (s *syncer) collect(ctx context.Context) error {
	if s.o.gc == "off" {
		return nil
	}
	if _, err := s.git.git(ctx, s.o.root, "reflog", "expire", "--expire-unreachable=all", "--all"); err != nil {
		return err
	}
	args := map[string][]string{"auto": {"gc", "--auto"}, "always": {"gc"}, "aggressive": {"gc", "--aggressive"}}[s.o.gc]
	_, err := s.git.git(ctx, s.o.root, args...)
	return err
}

// touch tells others, by the time of a file, that a sync was done.
func (s *syncer) touch() error {
	if s.o.touchFile == "" {
		return nil
	}
	now := time.Now()
	if err := os.Chtimes(s.o.touchFile, now, now); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(s.o.touchFile, nil, 0o644); err != nil {
		return fmt.Errorf("touch --touch-file: %w", err)
	}
	return nil
}

func (s *syncer) writeError(failed error) {
	if s.o.errorFile == "" {
		return
	}
	if err := os.WriteFile(s.o.errorFile, []byte(failed.Error()+"\n"), 0o644); err != nil {
		s.log.Error("cannot write --error-file", "error", err.Error())
	}
}

func (s *syncer) forgetError() {
	if s.o.errorFile == "" {
		return
	}
	if err := os.Remove(s.o.errorFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("cannot remove --error-file", "error", err.Error())
	}
}

// groupWritable gives the group the owner's rights on everything below tree.
func groupWritable(tree string) error {
	return filepath.WalkDir(tree, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chmod(p, info.Mode().Perm()|info.Mode().Perm()&0o700>>3)
	})
}
