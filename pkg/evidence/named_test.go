package evidence

import (
	"maps"
	"testing"
)

func TestNamedCountsBySecret(t *testing.T) {
	named, err := NewNamed(map[string]string{"the key": "open-sesame", "the password": "a/b c?d", "none": "", "too short": "abc"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, text string
		want       map[string]int
	}{
		{"nothing", "abc and nothing else", nil},
		{"one, twice", "open-sesame, open-sesame", map[string]int{"the key": 2}},
		{"two, one of them escaped", "open-sesame http://u:a%2Fb%20c%3Fd@host", map[string]int{"the key": 1, "the password": 1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := named.In([]byte(row.text)); !maps.Equal(got, row.want) {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

// What is redacted for what stands around it is no secret of the stack: only known ones are told of.
func TestNoticingLogTellsOfKnownSecretsAlone(t *testing.T) {
	dir := newDir(t, "open-sesame")
	var told []string
	log, err := dir.NoticingLog("cluster/logs/pod/base.log", func(text []byte) { told = append(told, string(text)) })
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []string{"one password=***\nsays open-", "sesame twice: open-sesame\n", "token=0123456789abcdef0123\n", "the end"} {
		if _, err := log.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0] != "says open-sesame twice: open-sesame\n" {
		t.Errorf("told of %q", told)
	}
}
