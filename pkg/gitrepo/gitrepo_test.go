package gitrepo

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestChanges uses a repository in a folder: what a change does is the same
// whichever way it is pushed.
func TestChanges(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on PATH")
	}
	dir := filepath.Join(t.TempDir(), "dags.git")
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "--quiet", "--bare", "--initial-branch=main", dir)
	repo := &Repo{url: dir}
	commit := func(branch string, change Change) string {
		t.Helper()
		hash, err := repo.Commit(t.Context(), branch, "test", change)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	files := func(ref string) string {
		return strings.ReplaceAll(git("-C", dir, "ls-tree", "-r", "--name-only", ref), "\n", " ")
	}

	first := commit(Main, Change{Write: map[string]string{"dags/a.py": "a", "dags/b.py": "b", "dags/c.py": "c"}})
	if got := files(first); got != "dags/a.py dags/b.py dags/c.py" {
		t.Errorf("first: %s", got)
	}
	second := commit(Main, Change{Rename: map[string]string{"dags/b.py": "dags/d.py"}, Remove: []string{"dags/c.py"}, Write: map[string]string{"dags/a.py": "A"}})
	if got := files("main"); got != "dags/a.py dags/d.py" {
		t.Errorf("second: %s", got)
	}
	if got := git("-C", dir, "show", "main:dags/a.py"); got != "A" {
		t.Errorf("the changed file holds %q", got)
	}
	if got, err := repo.Log(t.Context(), Main); err != nil || strings.Join(got, " ") != second+" "+first {
		t.Errorf("log: %v, %v", got, err)
	}
	third := commit("side", Change{Submodules: map[string]Submodule{"dags/shared": {URL: "ssh://x/y", Hash: first}}})
	if got := git("-C", dir, "ls-tree", "side", "dags/shared"); got != "160000 commit "+first+"\tdags/shared" {
		t.Errorf("submodule: %s", got)
	}
	if got := git("-C", dir, "rev-parse", "side~"); got != second {
		t.Errorf("the branch begins at %s, want %s", got, second)
	}
	if err := repo.Tag(t.Context(), "v1", "side", third); err != nil {
		t.Error(err)
	}
	if got := git("-C", dir, "rev-parse", "v1^{commit}"); got != third {
		t.Errorf("the tag names %s, want %s", got, third)
	}
	if err := repo.Delete(t.Context(), "refs/heads/side", "refs/tags/v1"); err != nil {
		t.Error(err)
	}
	if got := git("-C", dir, "for-each-ref", "--format=%(refname)"); got != "refs/heads/main" {
		t.Errorf("left: %s", got)
	}
	if _, err := repo.Commit(t.Context(), Main, "test", Change{Remove: []string{"none.py"}}); !NotFound(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}
