package reporthtml

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"
)

func TestFile(t *testing.T) {
	long := append(bytes.Repeat([]byte("head\n"), 4<<20), "the end\n"...)
	run := fstest.MapFS{
		"shot.png": {Data: []byte(png)}, "fake.png": {Data: []byte("<html>")}, "plot.svg": {Data: []byte("<svg/>")},
		"large.jpg": {Data: append([]byte("\xff\xd8\xff"), make([]byte, shownImage)...)},
		"empty.log": {}, "raw.bin": {Data: []byte{0, 1}}, "long.log": {Data: long}, "text.log": {Data: []byte("a\nb\n")},
		"folder/x": {Data: []byte("x")},
	}
	tests := []struct{ path, text, picture, size, note string }{
		{"text.log", "a\nb\n", "", "4 bytes", ""},
		{"empty.log", "", "", "0 bytes", "empty"},
		{"raw.bin", "", "", "2 bytes", "is not a text"},
		{"shot.png", "", "data:image/png;base64,iVBORw0KGgp", "29 bytes", ""},
		{"fake.png", "", "", "6 bytes", "is not the picture that its name says"},
		{"large.jpg", "", "", "1.0 MB", "is too large for this page"},
		{"plot.svg", "", "data:image/svg+xml;base64,PHN2Zy8+", "6 bytes", ""},
		{"gone.log", "", "", "", "cannot be read: file does not exist"},
		{"folder", "", "", "", "cannot be read: not a regular file"},
		{"../up", "", "", "", "is not a path below the run directory"},
		{"long.log", "the end\n", "", "21.0 MB", "21.0 MB in the middle left out"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			got := newReader(run, 1<<20).file(tt.path, false)
			if !strings.HasSuffix(got.Text, tt.text) || (tt.text == "") != (got.Text == "") ||
				!strings.HasPrefix(string(got.Picture), tt.picture) || (tt.picture == "") != (got.Picture == "") ||
				got.Size != tt.size || got.Note != tt.note {
				t.Errorf("got %q, %q, %q, %.200q", got.Size, got.Note, got.Picture, got.Text)
			}
		})
	}
}

func TestAnAttemptCutShortShowsItsFolder(t *testing.T) {
	run := fstest.MapFS{"checks/a.b/attempt-1/logs/x.log": {Data: []byte("x")}, "checks/a.b/attempt-1/timeline.txt": {Data: []byte("t")}}
	got := newReader(run, 100).below("checks/a.b/attempt-1")
	if strings.Join(got, " ") != "checks/a.b/attempt-1/logs/x.log checks/a.b/attempt-1/timeline.txt" {
		t.Errorf("got %q", got)
	}
}

func TestTaskLog(t *testing.T) {
	tests := []struct {
		name, data, want string
		lines            bool
	}{
		{"as the API returns it", `{"content":[{"event":"a\nb"},{"timestamp":"T","level":"info","event":"c"}]}`, "a\nb\nT info c\n", true},
		{"with an error", `{"content":[{"event":"a","error_detail":[{"x":1}]}]}`, "a\n    [{\"x\":1}]\n", true},
		{"entries of another kind", `{"content":["a"]}`, `{"content":["a"]}`, false},
		{"no events", `{"content":[{"a":1}]}`, `{"content":[{"a":1}]}`, false},
		{"cut short", `{"content":[{"event":"a"`, `{"content":[{"event":"a"`, false},
		{"a text", "a\n", "a\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, lines := taskLog([]byte(tt.data)); got != tt.want || lines != tt.lines {
				t.Errorf("got %q, %t", got, lines)
			}
		})
	}
}

func TestVisible(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "a\tb\nÄ 中 🛫", "a\tb\nÄ 中 🛫"},
		{"colours", "\x1b[1;31mred\x1b[0m", "red"},
		{"control characters", "a\x00b\x1bc\x7f", `a\u0000b\u001bc\u007f`},
		{"turned letters", "a\u202eb\u2066c", `a\u202eb\u2066c`},
		{"line ends", "a\r\nb\rc", "a\nb\\u000dc"},
		{"no text", "a\xffb", "a\uFFFDb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := visible(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestExcerpt(t *testing.T) {
	tests := []struct {
		name, text string
		limit      int
		want       string
		left       int
	}{
		{"short", "a\nb\n", 10, "a\nb\n", 0},
		{"cut at line ends", "11\n22\n33\n44\n55\n66\n", 12, "11\n22\n\n⋯ 9 bytes left out here ⋯\n\n66\n", 9},
		{"cut between characters", strings.Repeat("中", 8), 14, "中中\n\n⋯ 9 bytes left out here ⋯\n\n中中中", 9},
		{"a line that no screen holds", strings.Repeat("x", longestLine+500) + "\ny", 5000,
			strings.Repeat("x", longestLine) + " ⋯ 500 bytes more\ny", 500},
		{"a line a little too long", strings.Repeat("x", longestLine+9), 5000, strings.Repeat("x", longestLine+9), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, left := excerpt(tt.text, tt.limit); got != tt.want || left != tt.left {
				t.Errorf("got %q, %d left out", got, left)
			}
		})
	}
}
