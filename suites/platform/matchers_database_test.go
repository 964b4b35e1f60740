package platform

import (
	"errors"
	"fmt"
	"strings"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/harness"
)

// BeEncrypted: no session of the platform at the database is in the clear.
func BeEncrypted() gomegatypes.GomegaMatcher {
	return fact("every session at the database to be encrypted", func(t harness.DatabaseTLS) error {
		var errs []error
		for _, session := range t.Sessions {
			if session.TLS == "" {
				errs = append(errs, fmt.Errorf("a session at the database (process %d, application %q, begun %s) is not encrypted", session.PID, session.Application, session.Began))
			}
		}
		return errors.Join(errs...)
	})
}

// VerifyTheName: every component knew its database under its own name, and ended
// the handshake with it under another one, for that reason.
func VerifyTheName() gomegatypes.GomegaMatcher {
	return fact("every component to refuse a server that has another name", func(t harness.DatabaseTLS) error {
		var errs []error
		for _, tried := range t.Misnamed {
			switch {
			case tried.Named != "":
				errs = append(errs, fmt.Errorf("%s did not reach its database at all: %s", tried.Component, tried.Named))
			case tried.Misnamed == "":
				errs = append(errs, fmt.Errorf("%s logged in to its database as %s, which is no name of the database's certificate", tried.Component, tried.As))
			case !strings.Contains(tried.Misnamed, "certificate"):
				errs = append(errs, fmt.Errorf("%s failed for another reason than the certificate: %s", tried.Component, tried.Misnamed))
			}
		}
		return errors.Join(errs...)
	})
}
