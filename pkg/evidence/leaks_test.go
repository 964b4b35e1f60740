package evidence

import (
	"encoding/base64"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLeaks(t *testing.T) {
	const secret = "open sesame & more"
	d, err := Create(t.TempDir(), "leaks", []string{secret})
	if err != nil {
		t.Fatal(err)
	}
	if leaks, err := d.Leaks(); err != nil || len(leaks) != 0 {
		t.Errorf("an empty directory leaks %q, %v", leaks, err)
	}
	if err := d.WriteFile("written.txt", []byte("the secret is "+secret)); err != nil {
		t.Fatal(err)
	}
	// What others put there, beside the door.
	for name, content := range map[string]string{
		"plain.txt":          "it is " + secret,
		"sub/url.log":        "http://u:" + url.QueryEscape(secret) + "@host",
		"sub/base64.json":    base64.StdEncoding.EncodeToString([]byte("x:" + secret + "!")),
		"across.bin":         strings.Repeat("-", 64<<10-5) + secret + strings.Repeat("-", 200<<10),
		"late.bin":           strings.Repeat("-", 300<<10) + secret,
		"harmless.txt":       "open sesame and more",
		"open sesame & more": "a name may tell it too",
	} {
		path := filepath.Join(d.Path(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := []File{"across.bin", "late.bin", "open sesame & more", "plain.txt", "sub/base64.json", "sub/url.log"}
	if got, err := d.Leaks(); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
	stranger, err := Open(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := stranger.Leaks(); err != nil || len(got) != 0 {
		t.Errorf("whoever knows no secret finds %q, %v", got, err)
	}
}

func BenchmarkHolds(b *testing.B) {
	var secrets []string
	for i := range 17 {
		secrets = append(secrets, strings.Repeat(string(rune('A'+i)), 26)+"+/@")
	}
	r, err := NewRedactor(secrets...)
	if err != nil {
		b.Fatal(err)
	}
	text := []byte(strings.Repeat("[2026-01-01T00:00:00.000000Z] {scheduler_job_runner.py:123} INFO - Setting external_id for <TaskInstance: a.b>\n", 10000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.Holds(text)
	}
}
