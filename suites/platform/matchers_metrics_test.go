package platform

import (
	"fmt"
	"maps"
	"strings"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/harness"
)

// with is labels and one more.
func with(labels map[string]string, name, value string) map[string]string {
	all := maps.Clone(labels)
	all[name] = value
	return all
}

func HaveRisen(metric string, labels map[string]string, by float64) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("%s%v to rise by %g", metric, labels, by), func(m harness.Measured) error {
		if rose := m.Rose(metric, labels); rose != by {
			return fmt.Errorf("it rose by %g; the run has %s", rose, m.Run.TaskStates())
		}
		return nil
	})
}

func HaveSeries(metric string, labels map[string]string) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("a series %s%v", metric, labels), func(m harness.Measured) error {
		for _, sample := range m.After {
			if sample.Labels["__name__"] == metric && sample.Has(labels) {
				return nil
			}
		}
		return fmt.Errorf("none of %d series of the DAG is that", len(m.After))
	})
}

// NameNone looks for ids in metric names, where they stand between underscores.
func NameNone(ids ...string) gomegatypes.GomegaMatcher {
	return fact("metric names without the id of a DAG or task", func(names []string) error {
		for _, name := range names {
			for _, id := range ids {
				if strings.Contains("_"+name+"_", "_"+id+"_") {
					return fmt.Errorf("%s holds %s", name, id)
				}
			}
		}
		return nil
	})
}
