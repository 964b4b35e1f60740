package reportv1

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/airworthy/airworthy/pkg/conformance"
)

// Document is the report as it is written to report.yaml.
type Document struct {
	APIVersion string              `yaml:"apiVersion"`
	Kind       string              `yaml:"kind"` // Report
	Run        string              `yaml:"run"`
	Verdict    conformance.Verdict `yaml:"verdict"`
	Reason     string              `yaml:"reason"`
	Profile    conformance.Level   `yaml:"profile"`
	Counts     Counts              `yaml:"counts"`
	Errors     []string            `yaml:"errors,omitempty"`   // what does not fit together between plan and records
	Problems   []string            `yaml:"problems,omitempty"` // what went wrong outside any check
	Tested     Tested              `yaml:"tested"`
	Reproduce  Reproduce           `yaml:"reproduce"`
	Areas      []Area              `yaml:"areas"`
	Checks     []Check             `yaml:"checks"`
	Timings    Durations           `yaml:"timings"`
	Harness    Resources           `yaml:"harness"`
}

// Counts is the number of checks by outcome.
type Counts struct {
	Planned       int `yaml:"planned"`
	Passed        int `yaml:"passed"`
	Failed        int `yaml:"failed"`
	Blocked       int `yaml:"blocked"`
	Missing       int `yaml:"missing"`
	Skipped       int `yaml:"skipped"`
	Unsupported   int `yaml:"unsupported"`
	Contradictory int `yaml:"contradictory"`
}

// Tested names exactly what the verdict is about.
type Tested struct {
	Platform      Platform      `yaml:"platform"`
	Features      []string      `yaml:"features"`             // what the platform claims
	NotOffered    []Absence     `yaml:"notOffered,omitempty"` // what it does not claim, ordered by feature
	Airflow       Airflow       `yaml:"airflow"`
	Kubernetes    Kubernetes    `yaml:"kubernetes"`
	Database      Database      `yaml:"database"`
	ObjectStorage ObjectStorage `yaml:"objectStorage"`
	Images        []Image       `yaml:"images"` // ordered by ref
}

// Absence is a feature that the platform does not claim, and why.
type Absence struct {
	Feature string `yaml:"feature"`
	Because string `yaml:"because"`
}

// Reproduce says how to do the run again.
type Reproduce struct {
	Airworthy string `yaml:"airworthy"`
	Command   string `yaml:"command"` // for a POSIX shell
	RunFile   string `yaml:"runFile,omitempty"`
}

// Area is the summary of one area. Verdict is empty when none of its checks decided.
type Area struct {
	Name    string              `yaml:"name"`
	Verdict conformance.Verdict `yaml:"verdict,omitempty"`
	Counts  Counts              `yaml:"counts"`
}

// Check is one check with what became of it.
type Check struct {
	ID       string              `yaml:"id"`
	Title    string              `yaml:"title"`
	Level    conformance.Level   `yaml:"level"`
	Outcome  conformance.Outcome `yaml:"outcome"`
	Reason   string              `yaml:"reason,omitempty"`
	Why      string              `yaml:"why,omitempty"` // given where the check did not pass
	Decides  bool                `yaml:"decides"`
	Seconds  float64             `yaml:"seconds"` // sum over attempts
	Attempts []Attempt           `yaml:"attempts,omitempty"`
	Evidence []string            `yaml:"evidence,omitempty"` // relative to the run directory
}

// Attempt is one attempt at a check.
type Attempt struct {
	Number  int                 `yaml:"number"`
	Outcome conformance.Outcome `yaml:"outcome"`
	Reason  string              `yaml:"reason,omitempty"`
	Started string              `yaml:"started,omitempty"` // RFC 3339, UTC
	Offset  *float64            `yaml:"offset,omitempty"`  // seconds from the start of the run; absent when not known
	Seconds float64             `yaml:"seconds"`
	Process int                 `yaml:"process,omitempty"` // which of the parallel processes ran it, from 1; absent when not known
}

// Durations are the timings in seconds, rounded to milliseconds.
type Durations struct {
	Started string          `yaml:"started"` // RFC 3339, UTC
	Ended   string          `yaml:"ended"`
	Setup   []SetupDuration `yaml:"setup,omitempty"`
	Seconds Totals          `yaml:"seconds"`
}

// SetupDuration is one part of the set-up; parts overlap.
type SetupDuration struct {
	Name    string  `yaml:"name"`
	Offset  float64 `yaml:"offset"` // seconds from the start of the run
	Seconds float64 `yaml:"seconds"`
	Error   string  `yaml:"error,omitempty"`
}

// Totals are the timings of the run's phases, in seconds.
type Totals struct {
	Setup   float64 `yaml:"setup"`
	Checks  float64 `yaml:"checks"`
	Cleanup float64 `yaml:"cleanup"`
	Total   float64 `yaml:"total"`
}

// Resources is what airworthy itself used, and what the stack took beside it.
type Resources struct {
	MaxRSSBytes int64   `yaml:"maxRSSBytes"`
	CPUSeconds  float64 `yaml:"cpuSeconds"`
	// CPUShare is the part of the run's CPU time, 0 to 1; absent when not measured.
	CPUShare *float64 `yaml:"cpuShare,omitempty"`
	// ProgramBytes is the same as MaxRSSBytes, of other programs that airworthy
	// started, such as a browser; absent when there were none.
	ProgramBytes int64 `yaml:"programBytes,omitempty"`
	// ProgramCPUSeconds is the same as CPUSeconds, of those programs.
	ProgramCPUSeconds float64 `yaml:"programCPUSeconds,omitempty"`
	// StackBytes is the largest sum of the memory of the stack's containers, without
	// what the kernel would give up first; absent when not measured.
	StackBytes int64 `yaml:"stackBytes,omitempty"`
}

// New makes the document from the facts of a run and its judgement.
func New(facts Facts, judged conformance.Report) Document {
	d := Document{
		APIVersion: APIVersion, Kind: "Report", Run: facts.Run,
		Verdict: judged.Verdict, Reason: judged.Reason, Profile: judged.Profile,
		Counts: Counts(judged.Counts), Errors: judged.Errors, Problems: facts.Problems,
		Tested: Tested{
			Platform: facts.Platform, Airflow: facts.Airflow, Kubernetes: facts.Kubernetes,
			Database: facts.Database, ObjectStorage: facts.ObjectStorage, Images: describe(facts.Images),
		},
		Reproduce: Reproduce{Airworthy: facts.Airworthy, Command: shellLine(facts.Command), RunFile: facts.RunFile},
		Timings:   durations(facts),
		Harness: Resources{MaxRSSBytes: facts.Harness.MaxRSSBytes, CPUSeconds: round(facts.Harness.CPUSeconds),
			StackBytes: facts.Harness.StackBytes, ProgramBytes: facts.Harness.ProgramBytes,
			ProgramCPUSeconds: round(facts.Harness.ProgramCPUSeconds)},
	}
	for _, f := range judged.Features {
		d.Tested.Features = append(d.Tested.Features, string(f))
	}
	for _, a := range judged.NotOffered {
		d.Tested.NotOffered = append(d.Tested.NotOffered, Absence{string(a.Feature), a.Because})
	}
	if share, ok := facts.Harness.Share(); ok {
		share = round(share)
		d.Harness.CPUShare = &share
	}
	for _, a := range judged.Areas {
		d.Areas = append(d.Areas, Area{Name: a.Name, Verdict: a.Verdict, Counts: Counts(a.Counts)})
	}
	for _, j := range judged.Checks {
		d.Checks = append(d.Checks, check(j, facts.Started))
	}
	return d
}

func check(j conformance.Judged, began time.Time) Check {
	c := Check{
		ID: j.Check.ID, Title: j.Check.Title, Level: j.Check.Level, Outcome: j.Outcome, Reason: j.Reason,
		Decides: j.Decides, Seconds: seconds(j.Took), Evidence: j.Evidence,
	}
	if j.Outcome != conformance.Passed {
		c.Why = j.Check.Why
	}
	for _, r := range j.Attempts {
		a := Attempt{
			Number: r.Attempt, Outcome: r.Outcome, Reason: r.Reason, Started: stamp(r.Started), Seconds: seconds(r.Took), Process: r.Process,
		}
		if !r.Started.IsZero() && !began.IsZero() {
			a.Offset = new(seconds(r.Started.Sub(began)))
		}
		c.Attempts = append(c.Attempts, a)
	}
	return c
}

func durations(facts Facts) Durations {
	t := facts.Timings
	d := Durations{
		Started: stamp(facts.Started), Ended: stamp(facts.Ended),
		Seconds: Totals{
			Setup: seconds(t.SetupTook), Checks: seconds(t.ChecksTook),
			Cleanup: seconds(t.CleanupTook), Total: seconds(t.Total),
		},
	}
	for _, s := range t.Setup {
		d.Setup = append(d.Setup, SetupDuration{Name: s.Name, Offset: seconds(s.Offset), Seconds: seconds(s.Took), Error: s.Error})
	}
	return d
}

// describe orders the images and says in words what each name stands for: an
// image built from packages must never read as the one published under its name.
func describe(images []Image) []Image {
	images = slices.Clone(images)
	for i, img := range images {
		switch img.Source {
		case "pulled":
			images[i].Content = "the image published under this name"
		case "mirrored":
			images[i].Content = "the image that a mirror serves under this name"
		case "bundled":
			images[i].Content = "taken from a bundle, not known to be the image published under this name"
		case "built":
			images[i].Content = "built from packages, not the image published under this name"
		default:
			images[i].Content = "of unknown origin, not known to be the image published under this name"
		}
	}
	slices.SortStableFunc(images, func(a, b Image) int { return strings.Compare(a.Ref, b.Ref) })
	return images
}

// Marshal writes the document as YAML. Equal documents give equal bytes.
func Marshal(d Document) ([]byte, error) { return marshal("report", d) }

func marshal(what string, d any) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(d); err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	return b.Bytes(), nil
}

// Unmarshal reads a document; another version or an unknown key is an error.
func Unmarshal(data []byte) (Document, error) {
	var head struct {
		APIVersion string `yaml:"apiVersion"`
	}
	if err := yaml.Unmarshal(data, &head); err != nil {
		return Document{}, fmt.Errorf("decode report: %w", err)
	}
	if head.APIVersion != APIVersion {
		return Document{}, fmt.Errorf("decode report: apiVersion is %q, this airworthy reads %s", head.APIVersion, APIVersion)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var d Document
	if err := dec.Decode(&d); err != nil {
		return Document{}, fmt.Errorf("decode report: %w", err)
	}
	return d, nil
}

// shellLine quotes a command so that a POSIX shell reads the same arguments.
func shellLine(command []string) string {
	quoted := make([]string, len(command))
	for i, arg := range command {
		quoted[i] = arg
		safe := func(r rune) bool {
			return r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,+@%", r))
		}
		if arg == "" || strings.ContainsFunc(arg, func(r rune) bool { return !safe(r) }) {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func seconds(d time.Duration) float64 { return round(d.Seconds()) }

// round keeps three decimals: more is noise, and other readers may print it otherwise.
func round(f float64) float64 { return math.Round(f*1000) / 1000 }

// Undecided counts the checks that neither passed nor failed, unsupported ones left out.
func (c Counts) Undecided() int { return c.Blocked + c.Missing + c.Skipped + c.Contradictory }
