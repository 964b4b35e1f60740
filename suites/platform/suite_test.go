//go:build e2e

// Package platform holds the checks that one installed stack is enough for.
// They run in parallel processes and keep apart by DAG id; the few that
// disturb the platform or look back at the whole run are Serial and come last.
package platform

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"

	"github.com/airworthy/airworthy/pkg/harness"
)

// What is not named here runs later, in an order that the seed gives. The first
// wait for DAG runs that begin with the suites; what is mostly waiting for
// something else runs beside all others and not after them.
const (
	first  = 2
	second = 1
	last   = -1 // looks back at all others
)

var suite = harness.New("platform")

func TestPlatform(t *testing.T) { suite.Run(t) }

var _ = SynchronizedBeforeSuite(suite.Prepare, suite.Join)

var _ = BeforeEach(suite.Begin)

var _ = AfterSuite(suite.End)

var _ = ReportAfterEach(suite.Record)
