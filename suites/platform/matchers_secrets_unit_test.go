//go:build !e2e

package platform

import (
	"strings"
	"testing"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/harness"
)

func TestMatchersOfSecrets(t *testing.T) {
	for _, tt := range []struct {
		name    string
		matcher gomegatypes.GomegaMatcher
		actual  any
		want    string // a part of what the matcher says; empty when it holds
	}{
		{"nothing shown", ShowNothing(), []harness.Shown(nil), ""},
		{"a secret shown", ShowNothing(), []harness.Shown{{Secret: "the fernet key", Place: "pod x"}}, "pod x holds the fernet key"},
		{"the new key alone", BeDecryptedBy(harness.NewKey), []string{harness.NewKey}, ""},
		{"the old key", BeDecryptedBy(harness.NewKey), []string{harness.OldKey}, "the old key decrypts it"},
		{"both keys", BeDecryptedBy(harness.NewKey), []string{harness.OldKey, harness.NewKey}, "the old key and also the new key decrypts it"},
		{"no key", BeDecryptedBy(harness.OldKey), []string(nil), "neither key decrypts it"},
		{"taken", BeAnswered(true), 200, ""},
		{"taken, and should not be", BeAnswered(false), 200, "the API answered 200"},
		{"refused", BeAnswered(false), 403, ""},
		{"not refused, but broken", BeAnswered(false), 500, "the API answered 500"},
		{"refused, and should not be", BeAnswered(true), 401, "the API answered 401"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(t, tt.matcher, tt.actual); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
		})
	}
}
