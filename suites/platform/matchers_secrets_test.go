package platform

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/harness"
)

// ShowNothing names the places that hold a secret, and which.
func ShowNothing() gomegatypes.GomegaMatcher {
	return fact("no secret to be shown", func(places []harness.Shown) error {
		var errs []error
		for _, place := range places {
			errs = append(errs, errors.New(place.String()))
		}
		return errors.Join(errs...)
	})
}

// BeDecryptedBy compares the keys that decrypt a stored password.
func BeDecryptedBy(want string) gomegatypes.GomegaMatcher {
	return fact("a stored password that "+want+" alone decrypts", func(by []string) error {
		switch {
		case len(by) == 0:
			return errors.New("neither key decrypts it")
		case len(by) == 1 && by[0] == want:
			return nil
		}
		return fmt.Errorf("%s decrypts it", strings.Join(by, " and also "))
	})
}

// BeAnswered compares what the API answered to a token: 200, or that it is
// refused, which is 401 or 403.
func BeAnswered(taken bool) gomegatypes.GomegaMatcher {
	what := "a token that is refused"
	if taken {
		what = "a token that is taken"
	}
	return fact(what, func(status int) error {
		refused := status == http.StatusUnauthorized || status == http.StatusForbidden
		if taken && status == http.StatusOK || !taken && refused {
			return nil
		}
		return fmt.Errorf("the API answered %d", status)
	})
}

// BeWithoutSecret succeeds for a log that does not hold the secret anywhere. Its
// message does not hold it either.
func BeWithoutSecret(secret string) gomegatypes.GomegaMatcher {
	return fact("a log without the secret", func(log airflow.TaskLog) error {
		if strings.Contains(string(log.Raw), secret) {
			return errors.New("it holds the secret in the clear")
		}
		return nil
	})
}
