package platform

import (
	"errors"
	"strings"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/airflow"
)

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
