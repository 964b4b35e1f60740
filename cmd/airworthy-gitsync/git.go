package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// runner runs git with the credentials and the configuration of this process,
// none of which is written into the repository.
type runner struct {
	command string
	log     *slog.Logger
	env     []string
}

// newRunner prepares git: a global configuration file of its own, so that
// nobody else's applies, and ssh with the given keys and known hosts.
func newRunner(ctx context.Context, o options, home string, log *slog.Logger) (*runner, error) {
	config := filepath.Join(home, "gitconfig")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return nil, fmt.Errorf("write git configuration: %w", err)
	}
	g := &runner{command: o.git, log: log, env: append(os.Environ(),
		"GIT_CONFIG_GLOBAL="+config, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")}
	if ssh, needed, err := sshCommand(o); err != nil {
		return nil, err
	} else if needed {
		g.env = append(g.env, "GIT_SSH_COMMAND="+ssh)
	}
	settings := [][2]string{
		{"safe.directory", "*"}, // the volume's owner is often another user
		{"gc.autoDetach", "false"},
		{"advice.detachedHead", "false"},
	}
	if o.groupWrite {
		settings = append(settings, [2]string{"core.sharedRepository", "group"})
	}
	asked, err := gitConfig(o.gitConfig)
	if err != nil {
		return nil, fmt.Errorf("--git-config: %w", err)
	}
	for _, s := range append(settings, asked...) {
		if _, err := g.git(ctx, "/", "config", "--file", config, s[0], s[1]); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// git runs one command in dir and returns what it printed.
func (g *runner) git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, g.command, args...)
	cmd.Dir, cmd.Env = dir, g.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	g.log.Debug("running git", "args", args, "dir", dir)
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(stderr.String())
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, said)
	}
	return strings.TrimSpace(stdout.String()), nil
}

// overSSH says whether git will use ssh for a repository: a URL that says so,
// or the short form user@host:path.
func overSSH(repo string) bool {
	if scheme, _, ok := strings.Cut(repo, "://"); ok {
		return scheme == "ssh" || strings.HasSuffix(scheme, "+ssh")
	}
	host, _, ok := strings.Cut(repo, ":")
	return ok && !strings.Contains(host, "/")
}

// sshCommand is what git runs for ssh. A key or a list of hosts that is not
// there ends the process at once: no later sync could succeed.
func sshCommand(o options) (string, bool, error) {
	if !overSSH(o.repo) {
		return "", false, nil
	}
	parts := []string{"ssh", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"}
	for _, key := range o.sshKeys {
		if _, err := os.Stat(key); err != nil {
			return "", true, fmt.Errorf("find the SSH key: %w", err)
		}
		parts = append(parts, "-i", quote(key))
	}
	if !o.sshKnownHosts {
		return strings.Join(append(parts, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"), " "), true, nil
	}
	if _, err := os.Stat(o.sshKnownHostsFile); err != nil {
		return "", true, fmt.Errorf("find the known hosts: %w", err)
	}
	return strings.Join(append(parts, "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile="+quote(o.sshKnownHostsFile)), " "), true, nil
}

func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// login hands user and password to git's in-memory credential store, by a
// helper that reads a file only this user can read. The file is written anew
// for each sync, because the password may have been rotated.
func (g *runner) login(ctx context.Context, o options, home string) error {
	if o.username == "" {
		return nil
	}
	password := o.password
	if o.passwordFile != "" {
		data, err := os.ReadFile(o.passwordFile)
		if err != nil {
			return fmt.Errorf("read the password: %w", err)
		}
		password = strings.TrimSpace(string(data))
	}
	target, err := url.Parse(o.repo)
	if err != nil || target.Host == "" {
		return errors.New("--username is for repositories over HTTP, and --repo is no URL")
	}
	entry := url.URL{Scheme: target.Scheme, Host: target.Host, User: url.UserPassword(o.username, password)}
	store := filepath.Join(home, "credentials")
	if err := os.WriteFile(store, []byte(entry.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("hand over the password: %w", err)
	}
	_, err = g.git(ctx, "/", "config", "--file", filepath.Join(home, "gitconfig"), "credential.helper", "store --file "+quote(store))
	return err
}

// addUser gives the running user a name, without which ssh refuses to start.
func addUser(file string, uid, gid int) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("add the user: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == fmt.Sprint(uid) {
			return nil
		}
	}
	out, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("add the user: %w", err)
	}
	_, err = fmt.Fprintf(out, "git-sync:x:%d:%d::/tmp:/sbin/nologin\n", uid, gid)
	return errors.Join(err, out.Close())
}
