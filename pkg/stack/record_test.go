package stack

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// What was taken out of a recording stands beside it, by name, and in no other form.
func TestRecordingNamesWhatItTookOut(t *testing.T) {
	h := Handoff{AdminPassword: "open-sesame", FernetKey: "another-key", Secrets: []string{"open-sesame", "another-key", "nobody-named-it"}}
	dir, err := evidence.Create(t.TempDir(), "run", h.AllSecrets())
	if err != nil {
		t.Fatal(err)
	}
	r := &Recording{dir: dir}
	if r.secrets, err = evidence.NewNamed(namedSecrets(h)); err != nil {
		t.Fatal(err)
	}
	log := r.sink("gone", "base", 0, r.noticeIn("the recorded log of gone/base"))
	addon := r.sink("beside", "base", 0, nil)
	for _, line := range []string{"says open-sesame\n", "open-", "sesame again, and nobody-named-it\n", "token=0123456789abcdef0123\n"} {
		if _, err := log.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if _, err := addon.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	r.change(kube.Change{Event: &kube.EventFact{Object: "Pod/gone", Message: "it holds another-key"}})
	if err := log.Close(); err != nil || len(r.errs) > 0 {
		t.Fatal(err, r.errs)
	}
	data, err := dir.ReadFile(standing.RecordedRedactions)
	if err != nil {
		t.Fatal(err)
	}
	var got []standing.Redaction
	for decoder := json.NewDecoder(strings.NewReader(string(data))); decoder.More(); {
		var one standing.Redaction
		if err := decoder.Decode(&one); err != nil {
			t.Fatal(err)
		}
		got = append(got, one)
	}
	slices.SortFunc(got, func(a, b standing.Redaction) int { return strings.Compare(a.Place+a.Secret, b.Place+b.Secret) })
	want := []standing.Redaction{
		{Secret: "the fernet key", Place: "the recorded event about Pod/gone", Count: 1},
		{Secret: "secret 3 of the stack", Place: "the recorded log of gone/base", Count: 1},
		{Secret: "the administrator's password", Place: "the recorded log of gone/base", Count: 1},
		{Secret: "the administrator's password", Place: "the recorded log of gone/base", Count: 1},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if leaks, err := dir.Leaks(); err != nil || len(leaks) > 0 {
		t.Errorf("the run directory holds a secret: %v, %v", leaks, err)
	}
}
