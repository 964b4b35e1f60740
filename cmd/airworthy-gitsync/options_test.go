package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func from(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestFlagsWinOverTheEnvironment(t *testing.T) {
	env := map[string]string{
		"GITSYNC_REPO": "r", "GITSYNC_ROOT": "/root", "GITSYNC_LINK": "link", "GITSYNC_REF": "one", "GITSYNC_DEPTH": "3", "GITSYNC_PERIOD": "5s",
		"GITSYNC_ONE_TIME": "true", "GITSYNC_MAX_FAILURES": "-1", "GITSYNC_SSH_KEY_FILE": "/a:/b", "GITSYNC_SUBMODULES": "off", "GITSYNC_HTTP_BIND": ":1",
		"GITSYNC_HTTP_METRICS": "true", "GITSYNC_STALE_WORKTREE_TIMEOUT": "1h", "GITSYNC_SSH_KNOWN_HOSTS": "false", "GITSYNC_ADD_USER": "1",
		"GITSYNC_TOUCH_FILE": "t", "GITSYNC_USERNAME": "u", "GITSYNC_PASSWORD": "p", "GIT_SYNC_REF": "v3's",
	}
	o, err := parse([]string{"--ref=two", "--period", "7s"}, from(env), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{o.ref, o.period, o.depth, o.oneTime, o.maxFailures, o.sshKeys, o.submodules, o.link, o.staleTimeout, o.sshKnownHosts, o.addUser, o.touchFile, o.password}
	want := []any{"two", 7 * time.Second, 3, true, -1, []string{"/a", "/b"}, "off", "/root/link", time.Hour, false, true, "/root/t", "p"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	tests := []struct {
		name string
		args []string
		env  map[string]string
		want string
	}{
		{"nothing", nil, nil, "--repo is required\n--root is required"},
		{"a flag that is not covered", []string{"--webhook-url=x"}, nil, "unknown flag: --webhook-url"},
		{"a password in a flag", []string{"--password=x"}, nil, "unknown flag: --password"},
		{"a bad variable", []string{"--repo=r", "--root=/x"}, map[string]string{"GITSYNC_DEPTH": "many"}, `$GITSYNC_DEPTH: strconv.Atoi: parsing "many"`},
		{"a user alone", []string{"--repo=r", "--root=/x", "--username=u"}, nil, "--username needs"},
		{"a short period", []string{"--repo=r", "--root=/x", "--period=1ms"}, nil, "--period must be at least 10ms"},
		{"submodules", []string{"--repo=r", "--root=/x", "--submodules=all"}, nil, "--submodules must be"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parse(test.args, from(test.env), io.Discard); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestGitConfig(t *testing.T) {
	tests := []struct {
		text string
		want [][2]string
		err  string
	}{
		{"", nil, ""},
		{"a.b:c", [][2]string{{"a.b", "c"}}, ""},
		{"a:1, b:2", [][2]string{{"a", "1"}, {"b", "2"}}, ""},
		{`"http.https://x:1/.sslCAInfo":/ca.crt`, [][2]string{{"http.https://x:1/.sslCAInfo", "/ca.crt"}}, ""},
		{`a:x\,y,b:"p, q"`, [][2]string{{"a", "x,y"}, {"b", "p, q"}}, ""},
		{`a:"\n\t\"\\"`, [][2]string{{"a", "\n\t\"\\"}}, ""},
		{"a", nil, "has no value"},
		{`a:"x`, nil, "not closed"},
		{`a:\x`, nil, "not an escape"},
		{`a:"x"y`, nil, "separate pairs"},
	}
	for _, test := range tests {
		got, err := gitConfig(test.text)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: got error %v, want %s", test.text, err, test.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %q, %v", test.text, got, err)
		}
	}
}

func TestSSHVerifiesTheHostUnlessToldNotTo(t *testing.T) {
	dir := t.TempDir()
	key, hosts := filepath.Join(dir, "key"), filepath.Join(dir, "hosts")
	for _, file := range []string{key, hosts} {
		if err := os.WriteFile(file, nil, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	o := options{repo: "ssh://git@host/r.git", sshKeys: []string{key}, sshKnownHosts: true, sshKnownHostsFile: hosts}
	strict, ssh, err := sshCommand(o)
	if err != nil || !ssh || !strings.Contains(strict, "StrictHostKeyChecking=yes") || !strings.Contains(strict, hosts) {
		t.Errorf("got %q, %t, %v", strict, ssh, err)
	}
	o.sshKnownHosts = false
	if loose, _, err := sshCommand(o); err != nil || !strings.Contains(loose, "StrictHostKeyChecking=no") {
		t.Errorf("got %q, %v", loose, err)
	}
	o.sshKeys = []string{key + "-none"}
	if _, _, err := sshCommand(o); err == nil {
		t.Error("a key that is not there is no error")
	}
	for repo, want := range map[string]bool{"git@host:r": true, "ssh://h/r": true, "git+ssh://h/r": true, "https://h/r": false, "/a:b": false, "file:///r": false} {
		if overSSH(repo) != want {
			t.Errorf("overSSH(%s) is %t", repo, !want)
		}
	}
}

func TestAddUserAddsOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(file, []byte("root:x:0:0::/:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := addUser(file, 50000, 0); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != "root:x:0:0::/:/bin/sh\ngit-sync:x:50000:0::/tmp:/sbin/nologin\n" {
		t.Errorf("got %q, %v", data, err)
	}
}
