package harness

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/pkg/stack/standing"
)

func TestLookingNamesTheSecretAndNotItsValue(t *testing.T) {
	look, err := lookFor(Secrets{"the key": "open-sesame", "the password": "a/b c?d", "too short": "abc"})
	if err != nil {
		t.Fatal(err)
	}
	look.at("pod x", []byte("env: open-sesame"))
	look.at("pod x", []byte("again open-sesame"))
	look.at("event y", []byte("http://u:a%2Fb%20c%3Fd@host, abc"))
	look.at("log z", []byte("nothing"))
	want := []Shown{{Secret: "the password", Place: "event y"}, {Secret: "the key", Place: "pod x"}}
	if got := look.found(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLookingTakesOverWhatWasRecorded(t *testing.T) {
	look, err := lookFor(Secrets{"the key": "open-sesame"})
	if err != nil {
		t.Fatal(err)
	}
	look.at("the log of living/base", []byte("open-sesame"))
	look.recorded([]standing.Redaction{
		{Secret: "the key", Place: "the recorded log of living/base", Count: 1},
		{Secret: "the key", Place: "the recorded log of gone/base", Count: 2},
		{Secret: "the key", Place: "the recorded log of gone/base", Count: 1},
		{Secret: "another", Place: "the recorded log of gone/base", Count: 1},
	})
	want := []Shown{{Secret: "the key", Place: "the log of living/base"}, {Secret: "the key", Place: "the recorded log of gone/base"}}
	if got := look.found(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestShownOfARelease(t *testing.T) {
	release := `{"info":{"notes":"a note"},"config":{"fernetKey":"in-the-values"},
		"manifest":"---\n# Source: a\nkind: Secret\ndata: {key: in-a-secret}\n---\nkind: ConfigMap\ndata: {key: in-a-map}\n",
		"hooks":[{"manifest":"kind: Job\nenv: in-a-hook\n"},{"manifest":"apiVersion: v1\nkind: \"Secret\"\ndata: {key: in-a-hooks-secret}\n"}]}`
	var packed bytes.Buffer
	to := gzip.NewWriter(&packed)
	_, _ = to.Write([]byte(release))
	_ = to.Close()
	decoded, err := decodeRelease([]byte(base64.StdEncoding.EncodeToString(packed.Bytes())))
	if err != nil || string(decoded) != release {
		t.Fatalf("decoded %q, %v", decoded, err)
	}
	got, err := shownOf(decoded)
	if err != nil {
		t.Fatal(err)
	}
	for text, shown := range map[string]bool{
		"a note": true, "in-a-map": true, "in-a-hook\n": true, "in-the-values": false, "in-a-secret": false, "in-a-hooks-secret": false,
	} {
		if strings.Contains(string(got), text) != shown {
			t.Errorf("%q is shown: %t, want %t", text, !shown, shown)
		}
	}
}
