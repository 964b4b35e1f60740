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
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// suiteGrace is how long the suites may take to write the records of what an
// interrupt cut short, before they are killed.
const suiteGrace = 30 * time.Second

// suiteLimit ends a suite that hangs although every one of its waits is bounded.
const suiteLimit = 2 * time.Hour

// suiteRun is one run of the suites' binary against a standing stack.
type suiteRun struct {
	ginkgo, binary string
	runDir         string   // out/RUN
	handoff        string   // file of the standing stack
	secrets        string   // file of the secrets that the handoff may not hold
	attempt        int      // from 1
	checks         []string // ids; empty for all
	procs          int
	log            io.Writer // everything that the suites print
}

// suiteBinaries finds ginkgo and the suites beside this binary.
func suiteBinaries() (ginkgo, platform string, err error) {
	if ginkgo, err = beside("ginkgo"); err != nil {
		return "", "", err
	}
	platform, err = beside("platform.test")
	return ginkgo, platform, err
}

// beside finds a program of ours that lies beside this one.
func beside(name string) (string, error) {
	file, err := besidePath(name)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("find %s: %w: it lies beside airworthy; `make build` makes it", name, err)
	}
	return file, nil
}

// besidePath is where such a program lies, if it is there.
func besidePath(name string) (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	return filepath.Join(filepath.Dir(self), name), nil
}

// inMemory makes a file of texts that lies on no disk. It is there until it is closed.
func inMemory(texts []string) (*os.File, error) {
	fd, err := unix.MemfdCreate("secrets", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), "secrets in memory")
	if err := json.NewEncoder(file).Encode(texts); err != nil {
		return nil, errors.Join(fmt.Errorf("write secrets to memory: %w", err), file.Close())
	}
	return file, nil
}

// pathOf is where other processes of the same user open a file of this one.
func pathOf(file *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd()) }

// args is ginkgo's command line.
func (r suiteRun) args() []string {
	args := []string{
		fmt.Sprintf("--procs=%d", r.procs),
		"--timeout=" + suiteLimit.String(),
		// The same order every time, so that two runs can be compared.
		"--seed=1",
		"--no-color", "--keep-going", "--silence-skips", "--poll-progress-after=0",
	}
	if len(r.checks) > 0 {
		// A label set: each spec is labelled check:ID.
		args = append(args, "--label-filter=check: containsAny {"+strings.Join(r.checks, ",")+"}")
	}
	return append(args, r.binary, "--",
		"-airworthy.run="+r.runDir, "-airworthy.stack="+r.handoff, "-airworthy.secrets="+r.secrets,
		fmt.Sprintf("-airworthy.attempt=%d", r.attempt))
}

// run runs the suites. Their exit code is no verdict, the files are; an error
// means that they could not be run at all, or were interrupted.
func (r suiteRun) run(ctx context.Context) error {
	cmd := exec.Command(r.ginkgo, r.args()...)
	cmd.Stdout, cmd.Stderr = r.log, r.log
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOGC=%d", collectAt), fmt.Sprintf("GOMEMLIMIT=%d", suiteMemory))
	done, err := startGroup(cmd)
	if err != nil {
		return fmt.Errorf("start the suites: %w", err)
	}
	err = waitGroup(ctx, cmd.Process.Pid, done)
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.Exited() && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("run the suites: %w", err)
	}
	return nil
}

// startGroup starts a program in a process group of its own: an interrupt from
// the terminal reaches airworthy alone, which passes it on once. The program is
// told to end when airworthy is gone, also after a kill -9. What it ended with
// is sent once.
func startGroup(cmd *exec.Cmd) (<-chan error, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started, done := make(chan error, 1), make(chan error, 1)
	go func() {
		// The death signal follows the thread that started the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			done <- cmd.Wait()
		}
	}()
	return done, <-started
}

// waitGroup waits for the leader of a process group; when ctx ends it
// interrupts the group, and kills it after the grace.
func waitGroup(ctx context.Context, pid int, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	_ = syscall.Kill(-pid, syscall.SIGINT) // it may have ended just now
	kill := time.NewTimer(suiteGrace)
	defer kill.Stop()
	select {
	case <-done:
	case <-kill.C:
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		<-done
	}
	return context.Cause(ctx)
}

// tail keeps the end of what is written to it.
type tail struct {
	max int
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.max; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// lines is the kept text from its first whole line on.
func (t *tail) lines() string {
	b := t.buf
	if len(b) == t.max {
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return strings.TrimSpace(string(b))
}
