package reportv1

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/airworthy/airworthy/pkg/conformance"
)

type testSuites struct {
	XMLName  xml.Name    `xml:"testsuites"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Suites   []testSuite `xml:"testsuite"`
}

type testSuite struct {
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Time     string     `xml:"time,attr"`
	Started  string     `xml:"timestamp,attr,omitempty"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Class   string  `xml:"classname,attr"`
	Name    string  `xml:"name,attr"`
	Time    string  `xml:"time,attr"`
	Failure *detail `xml:"failure"`
	Error   *detail `xml:"error"`
	Skipped *detail `xml:"skipped"`
	Output  string  `xml:"system-out,omitempty"`
}

type detail struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the document for CI systems: one suite for each area, one case
// for each check. What could not be tested is an error, so that no CI system
// shows an inconclusive run as green; what was left out is skipped.
func JUnit(d Document) ([]byte, error) {
	all := testSuites{Name: d.Run}
	var total float64
	for _, area := range d.Areas {
		suite, time := areaSuite(d, area.Name)
		all.add(suite)
		total += time
	}
	if suite := errorSuite(d); suite.Tests > 0 {
		all.add(suite)
	}
	all.Time = decimal(total)
	return all.encode()
}

func (t testSuites) encode() ([]byte, error) {
	body, err := xml.MarshalIndent(t, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode junit: %w", err)
	}
	return slices.Concat([]byte(xml.Header), body, []byte("\n")), nil
}

func (t *testSuites) add(s testSuite) {
	t.Suites = append(t.Suites, s)
	t.Tests += s.Tests
	t.Failures += s.Failures
	t.Errors += s.Errors
	t.Skipped += s.Skipped
}

func (s *testSuite) add(c testCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func areaSuite(d Document, area string) (testSuite, float64) {
	suite := testSuite{Name: area, Started: d.Timings.Started}
	var total float64
	for _, c := range d.Checks {
		if conformance.Area(c.ID) == area {
			suite.add(caseOf(c))
			total += c.Seconds
		}
	}
	suite.Time = decimal(total)
	return suite, total
}

func caseOf(c Check) testCase {
	t := testCase{Class: conformance.Area(c.ID), Name: c.ID, Time: decimal(c.Seconds)}
	if len(c.Evidence) > 0 {
		t.Output = "evidence:\n" + strings.Join(c.Evidence, "\n")
	}
	what := &detail{Type: string(c.Outcome), Message: c.Reason, Text: c.ID + " " + c.Title + ": " + c.Reason}
	switch c.Outcome {
	case conformance.Passed:
	case conformance.Failed:
		t.Failure = what
	case conformance.Skipped, conformance.Unsupported:
		t.Skipped = &detail{Type: what.Type, Message: what.Message}
	default:
		t.Error = what
	}
	return t
}

// errorSuite holds what makes a run inconclusive and belongs to no check.
func errorSuite(d Document) testSuite {
	suite := testSuite{Name: "report", Time: decimal(0)}
	for _, e := range d.Errors {
		suite.add(testCase{Class: "report", Name: e, Time: decimal(0), Error: &detail{Type: "report", Message: e}})
	}
	return suite
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }
