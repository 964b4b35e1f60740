package evidence

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// sink is a file for tests.
type sink struct {
	bytes.Buffer
	closed int
	fail   error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.fail != nil {
		return 0, s.fail
	}
	return s.Buffer.Write(p)
}

func (s *sink) Close() error { s.closed++; return nil }

func TestWriterRedactsAcrossWrites(t *testing.T) {
	pem := "-----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADAN\n-----END PRIVATE KEY-----\n"
	tests := []struct{ name, secret, text, want string }{
		{"one line", "hunter2x", "a hunter2x b\nc\n", "a [redacted] b\nc\n"},
		{"at the end, no newline", "hunter2x", "a\nhunter2x", "a\n[redacted]"},
		{"several lines", "first\nsecond\nthird", "a first\nsecond\nthird b\n", "a [redacted] b\n"},
		{"several lines that only begin alike", "first\nsecond\nthird", "a first\nsecond\nfourth\n", "a first\nsecond\nfourth\n"},
		{"unknown secret", "unused-secret", "x password=abc y\n", "x password=[redacted] y\n"},
		{"key file", "unused-secret", "a\n" + pem + "b\n", "a\n-----BEGIN PRIVATE KEY-----[redacted]-----END PRIVATE KEY-----\nb\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for size := 1; size <= len(tt.text); size++ {
				var out sink
				w := newRedactor(t, tt.secret).Writer(&out, nil)
				for rest := tt.text; rest != ""; {
					n := min(size, len(rest))
					if _, err := w.Write([]byte(rest[:n])); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				// A key file that comes line by line keeps its line breaks around the mark.
				got := strings.ReplaceAll(out.String(), Redacted+"\n-----END", Redacted+"-----END")
				if got != tt.want {
					t.Fatalf("in pieces of %d: got %q, want %q", size, got, tt.want)
				}
			}
		})
	}
}

func TestWriterWritesALineAtOnce(t *testing.T) {
	var out sink
	w := newRedactor(t, "hunter2x").Writer(&out, nil)
	for _, step := range []struct{ write, seen string }{
		{"first line", ""},
		{" ends\nsecond hunt", "first line ends\n"},
		{"er2x\n", "first line ends\nsecond [redacted]\n"},
	} {
		if _, err := w.Write([]byte(step.write)); err != nil {
			t.Fatal(err)
		}
		if out.String() != step.seen {
			t.Errorf("after %q: %q, want %q", step.write, out.String(), step.seen)
		}
	}
}

func TestWriterHoldsBackLittleOfALineWithoutEnd(t *testing.T) {
	const secret = "a-secret-in-a-very-long-line"
	var out sink
	s := newRedactor(t, secret).Writer(&out, nil).(*stream)
	piece := strings.Repeat("x", 100) + secret[:10]
	for range 3000 {
		for _, p := range []string{piece, secret[10:]} {
			if _, err := s.Write([]byte(p)); err != nil {
				t.Fatal(err)
			}
			if len(s.held) > 2*longestLine {
				t.Fatalf("%d bytes are held back", len(s.held))
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat(strings.Repeat("x", 100)+Redacted, 3000); out.String() != want {
		t.Errorf("%d bytes came out, want %d, all of them redacted", out.Len(), len(want))
	}
}

func TestWriterGivesTheErrorsBelow(t *testing.T) {
	full := errors.New("disk full")
	out := &sink{fail: full}
	w := newRedactor(t).Writer(out, nil)
	if _, err := w.Write([]byte("a\n")); !errors.Is(err, full) {
		t.Errorf("write gave %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("close gave %v", err)
	}
	if err := w.Close(); err != nil || out.closed != 1 {
		t.Errorf("second close gave %v, the file was closed %d times", err, out.closed)
	}
	if _, err := w.Write([]byte("b\n")); err == nil || err.Error() != "write to a closed log" {
		t.Errorf("write after close gave %v", err)
	}
}

func BenchmarkWriter(b *testing.B) {
	r, err := NewRedactor("correct horse battery staple", "hunter2hunter2", "0123456789abcdef0123456789abcdef")
	if err != nil {
		b.Fatal(err)
	}
	line := []byte("[2026-01-02T03:04:05.678Z] {taskinstance.py:123} INFO - Task finished with state success and took 12.3 s\n")
	w := r.Writer(&sink{}, nil)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
	}
}
