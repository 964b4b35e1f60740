package usage

import (
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// proc makes a /proc of the given files.
func proc(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func line(pid, parent, pages int, name string) string {
	s := strconv.Itoa(pid) + " (" + name + ") S " + strconv.Itoa(parent)
	for field := 5; field < 24; field++ {
		switch field {
		case 14, 15: // user and kernel mode
			s += " 50"
		default:
			s += " 0"
		}
	}
	return s + " " + strconv.Itoa(pages) + " 0 0\n"
}

func TestReadTree(t *testing.T) {
	dir := proc(t, map[string]string{
		"1/stat":  line(1, 0, 1000, "init"),
		"10/stat": line(10, 1, 100, "airworthy"),
		"11/stat": line(11, 10, 20, "ginkgo"),
		"12/stat": line(12, 11, 3, "odd ) (name"),
		"13/stat": line(13, 11, 5000, "suite"),
		"20/stat": line(20, 1, 500, "other"),

		"13/smaps_rollup": "55b3-7ffc ---p 00000000 00:00 0    [rollup]\nRss:     20000 kB\nPss:        8 kB\nPss_Dirty:   4 kB\n",
		"21/stat":         "torn",
		"self/x":          "",
		"uptime/x":        "",
	})
	got := readTree(dir, 10, 4096)
	if want := int64(123*4096 + 8*1024); got.own != want || got.programs != 0 {
		t.Errorf("got %d and %d, want %d and 0", got.own, got.programs, want)
	}
	if want := map[process]spent{{11, 0}: {time.Second, false}, {12, 0}: {time.Second, false}, {13, 0}: {time.Second, false}}; !maps.Equal(got.below, want) {
		t.Errorf("processor time: got %v, want %v", got.below, want)
	}

	// A browser, and a process of it that runs a program beside airworthy.
	for pid, program := range map[string]string{"10": "/opt/airworthy", "11": "/opt/ginkgo", "13": "/usr/bin/browser", "12": "/opt/suite"} {
		if err := os.Symlink(program, filepath.Join(dir, pid, "exe")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "12", "stat"), []byte(line(12, 13, 3, "helper")), 0o644); err != nil {
		t.Fatal(err)
	}
	got = readTree(dir, 10, 4096)
	if wantOwn, want := int64(120*4096), int64(3*4096+8*1024); got.own != wantOwn || got.programs != want {
		t.Errorf("got %d and %d, want %d and %d", got.own, got.programs, wantOwn, want)
	}
	if want := map[process]spent{{11, 0}: {time.Second, false}, {12, 0}: {time.Second, true}, {13, 0}: {time.Second, true}}; !maps.Equal(got.below, want) {
		t.Errorf("processor time: got %v, want %v", got.below, want)
	}
}

func TestMachineCPU(t *testing.T) {
	dir := proc(t, map[string]string{"stat": "cpu  100 20 30 9999 888 5 6 0 0 0\ncpu0 1 1 1\n"})
	if got, want := machineCPU(dir), 1610*time.Millisecond; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := machineCPU(t.TempDir()); got != 0 {
		t.Errorf("without the file: got %s, want 0", got)
	}
}

func TestSamplerSeesItself(t *testing.T) {
	s := Start(time.Hour)
	s.Stop()
	s.Stop()
	if u := s.Now(); u.PeakMemory < 1<<20 || u.Took <= 0 || u.CPU < 0 {
		t.Errorf("got %+v", u)
	}
}
