//go:build !e2e

package platform

import (
	"strings"
	"testing"

	"github.com/airworthy/airworthy/pkg/harness"
)

func TestDatabaseTLS(t *testing.T) {
	const refused = `server certificate for "db" does not match host name "172.18.0.3"`
	login := func(named, misnamed string) harness.DatabaseTLS {
		return harness.DatabaseTLS{Misnamed: []harness.NamedLogin{
			{Component: "api-server", As: "172.18.0.3", Misnamed: refused},
			{Component: "scheduler", As: "172.18.0.3", Named: named, Misnamed: misnamed},
		}}
	}
	for _, tc := range []struct{ name, got, want string }{
		{"refused for its name", said(t, VerifyTheName(), login("", refused)), ""},
		{"let in", said(t, VerifyTheName(), login("", "")), "scheduler logged in to its database as 172.18.0.3, which is no name"},
		{"not even reached under its name", said(t, VerifyTheName(), login("timeout expired", refused)), "scheduler did not reach its database at all: timeout expired"},
		{"failed otherwise", said(t, VerifyTheName(), login("", "password authentication failed")), "for another reason than the certificate: password"},
		{"encrypted", said(t, BeEncrypted(), harness.DatabaseTLS{Sessions: []harness.DatabaseSession{{PID: 7, TLS: "TLSv1.3"}}}), ""},
		{"one in the clear", said(t, BeEncrypted(), harness.DatabaseTLS{Sessions: []harness.DatabaseSession{{PID: 7, TLS: "TLSv1.3"}, {PID: 8, Began: "10:00"}}}),
			`(process 8, application "", begun 10:00) is not encrypted`},
	} {
		if (tc.got == "") != (tc.want == "") || !strings.Contains(tc.got, tc.want) {
			t.Errorf("%s: it says %q, want %q", tc.name, tc.got, tc.want)
		}
	}
}
