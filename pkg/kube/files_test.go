package kube

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFileScript runs the script by this machine's shell.
func TestFileScript(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's a folder")
	big := strings.Repeat("0123456789abcdef\n", 20_000)
	write := map[string]string{
		"one.py": "print('ü')\n", "sub/two.py": "", "sub/$(touch x).py": "END\nEND\n", "big.txt": big,
	}
	script, err := fileScript(dir, write, []string{"never-there.py"})
	if err != nil {
		t.Fatal(err)
	}
	run := func(script string) {
		t.Helper()
		command := exec.Command("sh", "-s")
		command.Stdin = strings.NewReader(script)
		if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%v: %s", err, out)
		}
	}
	run(script)
	for name, want := range write {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s holds %.100q (%v), want %.100q", name, got, err, want)
		}
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, "*", ".airworthy*")); len(hidden) > 0 {
		t.Errorf("left behind: %v", hidden)
	}
	script, err = fileScript(dir, nil, []string{"one.py", "sub/two.py"})
	if err != nil {
		t.Fatal(err)
	}
	run(script)
	if _, err := os.Stat(filepath.Join(dir, "one.py")); !os.IsNotExist(err) {
		t.Errorf("one.py was not removed: %v", err)
	}
}

func TestFileScriptRefusesOtherFolders(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../x", "/etc/passwd", "a/../../x"} {
		if _, err := fileScript("/dags", map[string]string{name: ""}, nil); err == nil {
			t.Errorf("%q was accepted for writing", name)
		}
		if _, err := fileScript("/dags", nil, []string{name}); err == nil {
			t.Errorf("%q was accepted for removal", name)
		}
	}
}
