package conformance

import (
	"slices"
	"strings"
)

// firstVersion is the airworthy version that introduced the first checks.
const firstVersion = "0.1.0"

// All returns every check that airworthy knows, ordered by id. The slice is
// the caller's own.
func All() []Check {
	all := slices.Concat(
		platformChecks(), executorChecks(), dagChecks(), logChecks(), shippingChecks(),
		dagsyncChecks(),
		metricsChecks(),
		secretChecks(),
		ingressChecks(),
		databaseChecks(),
	)
	slices.SortFunc(all, func(a, b Check) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Find returns the check of that id, and false when the catalogue has none.
func Find(id string) (Check, bool) {
	for _, c := range All() {
		if c.ID == id {
			return c, true
		}
	}
	return Check{}, false
}

// Area is the first part of a check's id: executor for executor.pod_per_task.
// It says which part of the platform the check looks at.
func Area(id string) string {
	area, _, _ := strings.Cut(id, ".")
	return area
}
