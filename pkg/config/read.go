package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what anchors may expand to.
const maxNodes = 100_000

// place is where a key was given.
type place struct {
	set          string
	line, column int
}

// reader fills a Run from YAML nodes and collects what is wrong on the way.
type reader struct {
	run      Run
	file     string           // as named by the user
	base     string           // folder that relative paths are taken from
	set      string           // the setting being applied, "" for the file
	where    map[string]place // every key that was given
	broken   map[string]bool  // keys whose value was refused and is the default's
	problems []Problem
	nodes    int
	open     []*yaml.Node // aliases being expanded
}

func (r *reader) add(p place, path, text string) {
	r.broken[path] = true
	problem := Problem{Set: p.set, Path: path, Text: text}
	if p.set == "" {
		problem.File, problem.Line, problem.Column = r.file, p.line, p.column
	}
	r.problems = append(r.problems, problem)
}

func (r *reader) placeOf(n *yaml.Node) place {
	if r.set != "" {
		return place{set: r.set}
	}
	return place{line: n.Line, column: n.Column}
}

// follow calls use with the node that an alias stands for, or with n itself. It
// refuses anchors that contain themselves, or that expand without measure.
func (r *reader) follow(path string, n *yaml.Node, use func(*yaml.Node)) {
	if r.nodes++; r.nodes > maxNodes {
		if r.nodes == maxNodes+1 {
			r.add(r.placeOf(n), path, fmt.Sprintf("holds more than %d values once its anchors are expanded: write less, or without aliases", maxNodes))
		}
		return
	}
	if n.Kind != yaml.AliasNode {
		use(n)
		return
	}
	for _, o := range r.open {
		if o == n.Alias {
			r.add(r.placeOf(n), path, "is an alias inside its own anchor &"+n.Value+": remove it")
			return
		}
	}
	r.open = append(r.open, n.Alias)
	use(n.Alias)
	r.open = r.open[:len(r.open)-1]
}

// entry is one key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// entries lists the keys of a mapping with its merge keys (<<) resolved: what
// stands in the mapping wins over what is merged in.
func (r *reader) entries(path string, n *yaml.Node) []entry {
	var own, merged []entry
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
			merged = append(merged, r.merge(path, value)...)
			continue
		}
		if key.Kind != yaml.ScalarNode || key.Tag != "!!str" {
			r.add(r.placeOf(key), path, must("a mapping with text for keys", got(key), "put the key in quotes"))
			continue
		}
		if before, twice := first[key.Value]; twice {
			r.add(r.placeOf(key), join(path, key.Value), fmt.Sprintf("is given twice (first in line %d): delete one of the two", before.Line))
			continue
		}
		first[key.Value] = key
		own = append(own, entry{key, value})
	}
	for _, e := range merged {
		if first[e.key.Value] == nil {
			first[e.key.Value] = e.key
			own = append(own, e)
		}
	}
	return own
}

// merge lists what a merge key brings in: a mapping, or a list of them.
func (r *reader) merge(path string, value *yaml.Node) (all []entry) {
	r.follow(path, value, func(n *yaml.Node) {
		switch n.Kind {
		case yaml.MappingNode:
			all = r.entries(path, n)
		case yaml.SequenceNode:
			for _, item := range n.Content {
				all = append(all, r.merge(path, item)...)
			}
		default:
			r.add(r.placeOf(value), join(path, "<<"), must("an alias of a mapping", got(n), "write <<: *anchor"))
		}
	})
	return all
}

// section reads a mapping whose keys the table describes.
func (r *reader) section(path string, n *yaml.Node) {
	if n == nil {
		return
	}
	r.follow(path, n, func(n *yaml.Node) {
		if isNull(n) {
			return
		}
		if n.Kind != yaml.MappingNode {
			r.add(r.placeOf(n), path, must("a mapping", got(n), "write its keys indented below it, one to a line"))
			return
		}
		for _, e := range r.entries(path, n) {
			p := join(path, e.key.Value)
			f, known := lookup(p)
			if !known {
				r.unknown(path, e.key)
				continue
			}
			r.where[p] = r.placeOf(e.key)
			delete(r.broken, p)
			r.follow(p, e.value, func(v *yaml.Node) { r.field(f, e.key, v) })
		}
	})
}

// unknown reports a key that the table does not have.
func (r *reader) unknown(path string, key *yaml.Node) {
	siblings := children(path)
	mend := "known here: " + strings.Join(siblings, ", ")
	if near := nearest(key.Value, siblings); near != "" {
		mend = "did you mean " + near + "?"
	} else {
		for _, f := range fields {
			if strings.HasSuffix(f.path, "."+key.Value) {
				mend = "did you mean " + f.path + "?"
				break
			}
		}
	}
	r.add(r.placeOf(key), join(path, key.Value), "is not a known key: "+mend)
}

// field reads one value into its place.
func (r *reader) field(f field, key, n *yaml.Node) {
	target := at(&r.run, f.path)
	refuse := func(wanted, mend string) { r.add(r.placeOf(key), f.path, must(wanted, got(n), mend)) }
	switch f.kind {
	case section:
		r.section(f.path, n)
	case text:
		if !isText(n) {
			refuse("text", quoteMend(n))
		} else if wanted, mend := f.refuses(n.Value); wanted != "" {
			refuse(wanted, mend)
		} else {
			target.SetString(r.resolved(f, n.Value))
		}
	case truth:
		var b bool
		if n.Tag != "!!bool" || n.Decode(&b) != nil {
			refuse("true or false", "write true or false without quotes")
			return
		}
		target.SetBool(b)
	case whole:
		var i int64
		if n.Tag != "!!int" || n.Decode(&i) != nil || i < int64(f.min) || i > int64(f.max) {
			refuse(f.span("a whole number"), "write digits only")
			return
		}
		target.SetInt(i)
	case number:
		var x float64
		if (n.Tag != "!!int" && n.Tag != "!!float") || n.Decode(&x) != nil || !(x >= f.min && x <= f.max) || (f.above && x == f.min) {
			refuse(f.span("a number"), "write a number such as 1.5")
			return
		}
		target.SetFloat(x)
	case duration:
		d, err := time.ParseDuration(n.Value)
		if !isText(n) || err != nil || d <= 0 || !durationPattern.MatchString(n.Value) {
			refuse("a duration longer than 0", "write it with its unit, as 90s or 5m")
			return
		}
		target.SetInt(int64(d))
	default:
		r.collection(f, key, n, target)
	}
}

// collection reads values, textMap and textList.
func (r *reader) collection(f field, key, n *yaml.Node, target reflect.Value) {
	if isNull(n) {
		return
	}
	switch {
	case f.kind == values && n.Kind == yaml.MappingNode:
		given, _ := r.anything(f.path, n).(map[string]any)
		r.run.Platform.Values = overlay(r.run.Platform.Values, given)
	case f.kind == textMap && n.Kind == yaml.MappingNode:
		r.textMap(f, n, target)
	case f.kind == textList && n.Kind == yaml.SequenceNode:
		r.textList(f, n, target)
	case f.kind == textList:
		r.add(r.placeOf(key), f.path, must("a list", got(n), "write - item, one to a line, or [item, item]"))
	default:
		r.add(r.placeOf(key), f.path, must("a mapping", got(n), "write its keys indented below it, one to a line"))
	}
}

func (r *reader) textMap(f field, n *yaml.Node, target reflect.Value) {
	all := map[string]string{}
	for k, v := range target.Interface().(map[string]string) {
		all[k] = v
	}
	for _, e := range r.entries(f.path, n) {
		p := join(f.path, e.key.Value)
		r.where[p] = r.placeOf(e.key)
		r.follow(p, e.value, func(v *yaml.Node) {
			if !isText(v) {
				r.add(r.placeOf(e.key), p, must("text", got(v), quoteMend(v)))
			} else if wanted, mend := f.refuses(v.Value); wanted != "" {
				r.add(r.placeOf(e.key), p, must(wanted, got(v), mend))
			} else {
				all[e.key.Value] = v.Value
			}
		})
	}
	target.Set(reflect.ValueOf(all))
}

func (r *reader) textList(f field, n *yaml.Node, target reflect.Value) {
	list := []string{}
	for i, item := range n.Content {
		p := fmt.Sprintf("%s[%d]", f.path, i)
		r.follow(p, item, func(v *yaml.Node) {
			if !isText(v) {
				r.add(r.placeOf(item), p, must("text", got(v), quoteMend(v)))
			} else if wanted, mend := f.refuses(v.Value); wanted != "" {
				r.add(r.placeOf(item), p, must(wanted, got(v), mend))
			} else {
				list = append(list, r.resolved(f, v.Value))
			}
		})
	}
	target.Set(reflect.ValueOf(list))
}

// resolved makes a path absolute; other text stays as it is.
func (r *reader) resolved(f field, value string) string {
	if !f.file || value == "" {
		return value
	}
	if !filepath.IsAbs(value) {
		value = filepath.Join(r.base, value)
	}
	if abs, err := filepath.Abs(value); err == nil {
		return abs
	}
	return value
}
