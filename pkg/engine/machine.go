package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what detection and repair need of the machine; tests fake it.
type machine struct {
	uid       int
	cpus      int
	ask       func(ctx context.Context, host string) (daemon, error)
	lookPath  func(name string) string // "" when there is none
	exists    func(path string) bool
	readFile  func(path string) ([]byte, error)
	writeFile func(path string, data []byte) error
	freeBytes func(path string) (int64, error)
	run       func(ctx context.Context, name string, args ...string) (string, error)
	launch    func(c launch) (exited <-chan error, err error)
	lookup    func(host string) []net.IP // none where it has none
	addresses func() []net.IP            // of this machine
}

// launch is a daemon to be started apart from this process.
type launch struct {
	path string
	args []string
	bin  []string // directories put before the system's in its PATH
	log  string   // file that takes its output
}

// systemPath is the PATH of daemons: that of whoever runs airworthy may lack
// the directories where iptables and runc are.
var systemPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

func thisMachine() machine {
	return machine{
		uid:       os.Geteuid(),
		cpus:      runtime.NumCPU(),
		ask:       ask,
		lookPath:  lookPath,
		exists:    func(path string) bool { _, err := os.Stat(path); return err == nil },
		readFile:  readFile,
		writeFile: func(path string, data []byte) error { return os.WriteFile(path, data, 0o644) },
		freeBytes: freeBytes,
		run:       run,
		launch:    start,
		lookup:    func(host string) []net.IP { ips, _ := net.LookupIP(host); return ips },
		addresses: addresses,
	}
}

// addresses are those of this machine's network interfaces.
func addresses() []net.IP {
	all, _ := net.InterfaceAddrs()
	var ips []net.IP
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			ips = append(ips, n.IP)
		}
	}
	return ips
}

// lookPath finds a command on PATH or where administrators' commands are.
func lookPath(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range systemPath {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

// readFile reads at most 64 KiB: enough for what is read here, and no binary by mistake.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, 64<<10))
}

// freeBytes is what an ordinary process may still write below path.
func freeBytes(path string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return 0, fmt.Errorf("read free space of %s: %w", path, err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}

// run returns what a command printed; its error holds the end of what it
// complained about.
func run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// Asked to end rather than killed, apt leaves no package half unpacked. What
	// it has started must not keep the pipes open for ever.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		said := stderr.String()
		if strings.TrimSpace(said) == "" {
			said = stdout.String()
		}
		return stdout.String(), fmt.Errorf("run %s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, tail(said, 600))
	}
	return stdout.String(), nil
}

// start runs a daemon in a session of its own, so that neither an interrupt at
// the terminal nor the end of this process reaches it.
func start(l launch) (<-chan error, error) {
	if err := os.MkdirAll(filepath.Dir(l.log), 0o755); err != nil {
		return nil, fmt.Errorf("make directory for the daemon's log: %w", err)
	}
	log, err := os.OpenFile(l.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the daemon's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(l.path, l.args...)
	cmd.Env = append(os.Environ(), "PATH="+strings.Join(append(l.bin, systemPath...), ":"))
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", l.path, err)
	}
	exited := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		if err == nil {
			err = errors.New("exit status 0")
		}
		exited <- err
	}()
	return exited, nil
}

// head is the beginning of a file, "" when it cannot be read.
func (m machine) head(path string, n int) string {
	data, err := m.readFile(path)
	if err != nil {
		return ""
	}
	return string(data[:min(n, len(data))])
}

// memory is the machine's in bytes, 0 when unknown.
func (m machine) memory() int64 {
	data, _ := m.readFile("/proc/meminfo")
	return MemInfo(string(data), "MemTotal")
}

// MemInfo reads a value of the text of /proc/meminfo, such as MemAvailable, in
// bytes; 0 when it does not say.
func MemInfo(text, name string) int64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// capSysResource is its bit in the sets of /proc/PID/status.
const capSysResource = 1 << 24

// hasCapSysResource reports whether processes of this machine can have the
// capability at all; what cannot be read counts as yes.
func (m machine) hasCapSysResource() bool {
	data, _ := m.readFile("/proc/self/status")
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(rest), 16, 64)
			return err != nil || set&capSysResource != 0
		}
	}
	return true
}

// number reads a file that holds one integer; -1 when it cannot be read.
func (m machine) number(path string) int {
	data, err := m.readFile(path)
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return -1
	}
	return n
}

// release is /etc/os-release as far as it matters here.
type release struct {
	name     string // for people: Debian GNU/Linux 12 (bookworm)
	id       string // debian
	codename string // bookworm
	debian   bool   // Debian or like it, with apt
}

func (m machine) release() release {
	var r release
	data, _ := m.readFile("/etc/os-release")
	like := ""
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "PRETTY_NAME":
			r.name = value
		case "ID":
			r.id = value
		case "ID_LIKE":
			like = value
		case "VERSION_CODENAME":
			r.codename = value
		}
	}
	if r.name == "" {
		r.name = "this system"
	}
	family := strings.Fields(r.id + " " + like)
	for _, id := range family {
		r.debian = r.debian || id == "debian" || id == "ubuntu"
	}
	r.debian = r.debian && m.lookPath("apt-get") != ""
	return r
}

// tail is the last n bytes of what was said, on one line.
func tail(said string, n int) string {
	said = strings.Join(strings.FieldsFunc(said, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	if len(said) > n {
		said = "..." + strings.ToValidUTF8(said[len(said)-n:], "")
	}
	return said
}
