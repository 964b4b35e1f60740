package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	tests := []struct{ name, want, got, diff string }{
		{"equal", "a\nb\n", "a\nb\n", ""},
		{"a changed line", "a\nb\nc\n", "a\nx\nc\n", "     1 | a\n-    2 | b\n+    2 | x\n     3 | c\n"},
		{"an added line", "a\nc\n", "a\nb\nc\n", "     1 | a\n+    2 | b\n     2 | c\n"},
		{"a lost line feed", "a\n", "a", "-    1 | a\n+    1 | a [no line feed at the end]\n"},
		{"blanks at the end", "a\n", "a \t\n", "-    1 | a\n+    1 | a·\\t\n"},
		{"an empty file", "", "a\n", "+    1 | a\n"},
		{
			"unchanged lines between", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "x\n2\n3\n4\n5\n6\n7\n8\ny\n",
			"-    1 | 1\n+    1 | x\n     2 | 2\n     3 | 3\n  ...\n     7 | 7\n     8 | 8\n-    9 | 9\n+    9 | y\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := Diff(test.want, test.got); diff != test.diff {
				t.Errorf("got:\n%s\nwant:\n%s", diff, test.diff)
			}
		})
	}
}

// failing records what Equal says; only the methods that Equal calls work.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper()                        {}
func (f *failing) Errorf(format string, _ ...any) { f.said = format }
func (f *failing) Fatalf(format string, _ ...any) { f.said = format }
func (f *failing) Logf(string, ...any)            {}

func TestEqualFailsOnADifferenceAndUpdateMendsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "below", "file.txt")
	f := &failing{TB: t}
	*update = true
	t.Cleanup(func() { *update = false })
	Equal(f, path, []byte("first\n"))
	*update = false
	if Equal(f, path, []byte("first\n")); f.said != "" {
		t.Fatalf("equal content was refused: %s", f.said)
	}
	if Equal(f, path, []byte("second\n")); !strings.Contains(f.said, "differs") {
		t.Fatalf("a difference was not reported: %q", f.said)
	}
	*update = true
	Equal(f, path, []byte("second\n"))
	if data, _ := os.ReadFile(path); string(data) != "second\n" {
		t.Fatalf("-update left %q", data)
	}
}
