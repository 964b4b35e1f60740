// Package sabotage proves that checks can fail. A sabotage is data: a change of
// values, manifests, configuration or database that must turn exactly the
// named checks red, for the named reason. The package reads sabotages, puts
// those together that do not disturb each other, and compares what was
// recorded with what was demanded. It must not know Ginkgo.
package sabotage

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/platform"
)

// Sabotage is one file CHECK-ID/NAME.yaml.
type Sabotage struct {
	Check string `yaml:"-" json:"check"` // the check that owns it, from the folder
	Name  string `yaml:"-" json:"name"`  // the file's name without .yaml

	Title  string   `yaml:"title" json:"title"`
	Defect []string `yaml:"defect" json:"defect,omitempty"` // reports of the real defect it re-creates
	// Group names sabotages that are installed together because they do not disturb each other.
	Group string `yaml:"group" json:"group"`

	// Database is the kind of database that it is for; empty for all.
	Database string `yaml:"database" json:"database,omitempty"`
	// Needs are features of the platform without which it changes nothing, beside
	// those that its checks require.
	Needs []conformance.Feature `yaml:"needs" json:"needs,omitempty"`

	Run      []string           `yaml:"run" json:"run,omitempty"` // settings of the run file, key=value
	Values   map[string]any     `yaml:"values" json:"values,omitempty"`
	Overlays []platform.Overlay `yaml:"overlays" json:"overlays,omitempty"`
	// Addons changes what stands around the platform, by the add-on's name.
	Addons        map[string]Change `yaml:"addons" json:"addons,omitempty"`
	LocalSettings string            `yaml:"localSettings" json:"localSettings,omitempty"` // Python; see compose
	SQL           *SQL              `yaml:"sql" json:"sql,omitempty"`
	Exec          *Exec             `yaml:"exec" json:"exec,omitempty"`

	// Install, of a sabotage with which the platform cannot come up, is a regular
	// expression that the install's own error must match. No check is run then.
	Install string `yaml:"install" json:"install,omitempty"`

	// Expect maps each check that must fail to a regular expression that its
	// reason must match. Every other check of the group's run must pass.
	Expect map[string]string `yaml:"expect" json:"expect"`
}

// Change is what is done to one add-on.
type Change struct {
	Values   map[string]any     `yaml:"values" json:"values,omitempty"`
	Overlays []platform.Overlay `yaml:"overlays" json:"overlays,omitempty"`
}

// SQL changes the metadata database after the install, and back.
type SQL struct {
	Do   string `yaml:"do" json:"do"`
	Undo string `yaml:"undo" json:"undo"`
}

// Exec runs a command in every pod of a component after the install.
type Exec struct {
	Component string   `yaml:"component" json:"component"`
	Command   []string `yaml:"command" json:"command"`
}

// ID names a sabotage everywhere: CHECK-ID/NAME.
func (s Sabotage) ID() string { return s.Check + "/" + s.Name }

// Load reads every CHECK-ID/NAME.yaml below the root of fsys, ordered by ID.
// All problems are returned at once.
func Load(fsys fs.FS) ([]Sabotage, error) {
	files, err := fs.Glob(fsys, "*/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list sabotages: %w", err)
	}
	var (
		all  []Sabotage
		errs []error
	)
	for _, file := range files {
		s, err := read(fsys, file)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
			continue
		}
		all = append(all, s)
	}
	return all, errors.Join(append(errs, alone(all)...)...)
}

// alone demands a group of its own for what keeps the platform from coming up.
func alone(all []Sabotage) []error {
	members := map[string]int{}
	for _, s := range all {
		members[s.Group]++
	}
	var errs []error
	for _, s := range all {
		if s.Install != "" && members[s.Group] > 1 {
			errs = append(errs, fmt.Errorf("%s: it has install and shares group %s: give it a group of its own", s.ID(), s.Group))
		}
	}
	return errs
}

func read(fsys fs.FS, file string) (Sabotage, error) {
	s := Sabotage{Check: path.Dir(file), Name: strings.TrimSuffix(path.Base(file), ".yaml")}
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return s, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&s); err != nil {
		return s, err
	}
	return s, s.validate()
}

func (s Sabotage) validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.Title == "" {
		add("title is missing: say in one sentence what is broken")
	}
	if s.Group == "" {
		add("group is missing: give it a name of its own when it disturbs everything else")
	}
	if _, ok := s.Expect[s.Check]; !ok && s.Install == "" {
		add("expect must name the check that owns the sabotage, %s", s.Check)
	}
	if s.Install != "" && len(s.Expect) > 0 {
		add("it has both install and expect: where the install fails, no check is run")
	}
	if _, ok := conformance.Find(s.Check); !ok {
		add("its folder is %s, which is no check of the catalogue", s.Check)
	}
	if _, err := regexp.Compile(s.Install); err != nil {
		add("install: %w", err)
	}
	for _, id := range slices.Sorted(maps.Keys(s.Expect)) {
		if _, ok := conformance.Find(id); !ok {
			add("expect names %s, which is no check of the catalogue", id)
		}
		if _, err := regexp.Compile(s.Expect[id]); err != nil {
			add("expect.%s: %w", id, err)
		}
	}
	if s.SQL != nil && (s.SQL.Do == "" || s.SQL.Undo == "") {
		add("sql needs do and undo: the database outlives the sabotage")
	}
	if len(s.Values) == 0 && len(s.Overlays) == 0 && s.LocalSettings == "" && s.SQL == nil && s.Exec == nil && len(s.Run) == 0 && len(s.Addons) == 0 {
		add("it changes nothing: give values, overlays, addons, localSettings, sql, exec or run")
	}
	return errors.Join(errs...)
}

// Coverage counts sabotages by the check that owns them.
func Coverage(all []Sabotage) map[string][]string {
	coverage := map[string][]string{}
	for _, s := range all {
		coverage[s.Check] = append(coverage[s.Check], s.Name)
	}
	return coverage
}
