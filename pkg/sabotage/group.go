package sabotage

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/addon"
)

// Group is what is installed at one time.
type Group struct {
	Name      string
	Sabotages []Sabotage
}

// Groups puts sabotages together by their group, ordered by name. With ids
// (check ids, or CHECK-ID/NAME) only those sabotages are taken; an id that
// selects nothing is an error.
func Groups(all []Sabotage, ids []string) ([]Group, error) {
	byName := map[string]*Group{}
	used := map[string]bool{}
	for _, s := range all {
		if len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool {
			match := id == s.Check || id == s.ID()
			used[id] = used[id] || match
			return match
		}) {
			continue
		}
		g := byName[s.Group]
		if g == nil {
			g = &Group{Name: s.Group}
			byName[s.Group] = g
		}
		g.Sabotages = append(g.Sabotages, s)
	}
	for _, id := range ids {
		if !used[id] {
			return nil, fmt.Errorf("no sabotage belongs to %q: `airworthy checks` lists the checks with their sabotages", id)
		}
	}
	var groups []Group
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		groups = append(groups, *byName[name])
	}
	return groups, nil
}

// On gives the group without what cannot be tried on a platform of these
// features with this kind of database, and says why each is left out.
func (g Group) On(features []conformance.Feature, database string) (possible Group, leftOut []string) {
	possible.Name = g.Name
	for _, s := range g.Sabotages {
		why := ""
		if s.Database != "" && s.Database != database {
			why = "is for " + s.Database
		}
		for _, feature := range s.Needs {
			if !slices.Contains(features, feature) {
				why = fmt.Sprintf("needs %s, which this platform does not claim", feature)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(s.Expect)) {
			check, _ := conformance.Find(id)
			for _, feature := range check.Requires {
				if !slices.Contains(features, feature) {
					why = fmt.Sprintf("%s needs %s, which this platform does not claim", id, feature)
				}
			}
		}
		if why != "" {
			leftOut = append(leftOut, s.ID()+": "+why)
			continue
		}
		possible.Sabotages = append(possible.Sabotages, s)
	}
	return possible, leftOut
}

// Checks gives the ids of the checks that the group must turn red.
func (g Group) Checks() []string {
	ids := map[string]bool{}
	for _, s := range g.Sabotages {
		for id := range s.Expect {
			ids[id] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// Settings gives the run file settings of all sabotages.
func (g Group) Settings() []string {
	var settings []string
	for _, s := range g.Sabotages {
		settings = append(settings, s.Run...)
	}
	return settings
}

// Apply changes what is installed.
func (g Group) Apply(spec *platform.Spec) {
	values := map[string]any{}
	for _, s := range g.Sabotages {
		values = merge(values, s.Values)
		spec.Overlays = append(slices.Clone(spec.Overlays), s.Overlays...)
	}
	if settings := g.localSettings(); settings != "" {
		values = merge(values, map[string]any{"localSettings": settings})
	}
	spec.Values = merge(spec.Values, values)
}

// changesPlatform says whether Apply changes anything.
func (g Group) changesPlatform() bool {
	return slices.ContainsFunc(g.Sabotages, func(s Sabotage) bool {
		return len(s.Values) > 0 || len(s.Overlays) > 0 || s.LocalSettings != ""
	})
}

// Addons lists the add-ons that the group changes, by name.
func (g Group) Addons() []string {
	names := map[string]bool{}
	for _, s := range g.Sabotages {
		for name := range s.Addons {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// ApplyTo changes one add-on.
func (g Group) ApplyTo(a *addon.Addon) {
	for _, s := range g.Sabotages {
		a.Values = merge(a.Values, s.Addons[a.Name].Values)
		a.Overlays = append(slices.Clone(a.Overlays), s.Addons[a.Name].Overlays...)
	}
}

// localSettings composes one airflow_local_settings.py of all fragments. Each
// runs in a namespace of its own, and hooks that several define are called in turn.
func (g Group) localSettings() string {
	var b strings.Builder
	n := 0
	for _, s := range g.Sabotages {
		if s.LocalSettings == "" {
			continue
		}
		if n == 0 {
			b.WriteString("_fragments = []\n")
		}
		n++
		fmt.Fprintf(&b, "\n# %s\n_fragment = {\"__name__\": __name__}\nexec(%s, _fragment)\n_fragments.append(_fragment)\n", s.ID(), pythonString(s.LocalSettings))
	}
	if n > 0 {
		b.WriteString(pythonDispatch)
	}
	return b.String()
}

const pythonDispatch = `

def _chain(name):
    hooks = [fragment[name] for fragment in _fragments if name in fragment]

    def call(subject):
        for hook in hooks:
            hook(subject)

    return call if hooks else None


for _name, _parameter in (("pod_mutation_hook", "pod"), ("task_policy", "task")):
    _hook = _chain(_name)
    if _hook is None:
        continue
    # Airflow's plugin manager looks at the name of the parameter.
    exec(f"def {_name}({_parameter}):\n    _hooks['{_name}']({_parameter})\n", globals().setdefault("_scope", {"_hooks": {}}))
    _scope["_hooks"][_name] = _hook
    globals()[_name] = _scope[_name]


def __getattr__(name):
    for fragment in _fragments:
        if "__getattr__" in fragment:
            try:
                return fragment["__getattr__"](name)
            except AttributeError:
                continue
    raise AttributeError(name)
`

func pythonString(text string) string {
	return `"""` + strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"""`, `\"\"\"`) + `"""`
}

// merge lays over onto base without changing either; maps are merged, and a
// nil stays a nil so that Helm removes the chart's default.
func merge(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	for key, value := range over {
		if sub, ok := value.(map[string]any); ok {
			if before, ok := out[key].(map[string]any); ok {
				out[key] = merge(before, sub)
				continue
			}
		}
		out[key] = value
	}
	return out
}

// Finding is how one sabotage came out.
type Finding struct {
	Sabotage string `json:"sabotage"`
	Check    string `json:"check"`
	Caught   bool   `json:"caught"`
	Wrong    string `json:"wrong,omitempty"`  // what was demanded and did not happen
	Reason   string `json:"reason,omitempty"` // the reason that the check gave
}

// Line says it in one line.
func (f Finding) Line() string {
	if f.Caught {
		return fmt.Sprintf("caught  %s by %s", f.Sabotage, f.Check)
	}
	return fmt.Sprintf("MISSED  %s by %s: %s", f.Sabotage, f.Check, f.Wrong)
}

// byInstall stands in a finding where the install itself had to notice.
const byInstall = "install"

// breaksInstall gives the sabotage with which the platform cannot come up.
func (g Group) breaksInstall() (Sabotage, bool) {
	for _, s := range g.Sabotages {
		if s.Install != "" {
			return s, true
		}
	}
	return Sabotage{}, false
}

// compareInstall holds the install's error against what was demanded.
func (s Sabotage) compareInstall(err error) Finding {
	f := Finding{Sabotage: s.ID(), Check: byInstall}
	if err == nil {
		f.Wrong = "the platform came up; its install should have failed"
		return f
	}
	f.Reason = err.Error()
	f.Caught = regexp.MustCompile(`(?s)` + s.Install).MatchString(f.Reason)
	if !f.Caught {
		f.Wrong = fmt.Sprintf("the install failed for another reason than %q", s.Install)
	}
	return f
}

// Compare holds what was recorded against what was demanded: each named check
// failed for its named reason, and every other check that was run passed.
func (g Group) Compare(records []conformance.Record) []Finding {
	byCheck := map[string]conformance.Record{}
	for _, r := range records {
		byCheck[r.Check] = r
	}
	var (
		findings []Finding
		demanded = map[string]bool{}
	)
	for _, s := range g.Sabotages {
		for _, id := range slices.Sorted(maps.Keys(s.Expect)) {
			demanded[id] = true
			findings = append(findings, compare(s, id, byCheck[id]))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(byCheck)) {
		if r := byCheck[id]; !demanded[id] && r.Outcome != conformance.Passed {
			findings = append(findings, Finding{Sabotage: "group " + g.Name, Check: id, Reason: r.Reason,
				Wrong: fmt.Sprintf("no sabotage of the group names this check, and it %s", r.Outcome)})
		}
	}
	return findings
}

// Untried is what there is to say of a group that could not be installed or tested.
func (g Group) Untried(err error) []Finding {
	var findings []Finding
	for _, s := range g.Sabotages {
		by := slices.Sorted(maps.Keys(s.Expect))
		if s.Install != "" {
			by = []string{byInstall}
		}
		for _, id := range by {
			findings = append(findings, Finding{Sabotage: s.ID(), Check: id, Wrong: "it could not be tried: " + err.Error()})
		}
	}
	return findings
}

func compare(s Sabotage, id string, r conformance.Record) Finding {
	f := Finding{Sabotage: s.ID(), Check: id, Reason: r.Reason}
	want := regexp.MustCompile(`(?s)` + s.Expect[id]) // compiled once already by Load
	switch {
	case r.Outcome == "":
		f.Wrong = "the check left no result behind"
	case r.Outcome != conformance.Failed:
		f.Wrong = fmt.Sprintf("the check %s; it should have failed", r.Outcome)
	case !want.MatchString(r.Reason):
		f.Wrong = fmt.Sprintf("the check failed for another reason than %q", s.Expect[id])
	default:
		f.Caught = true
	}
	return f
}
