package config

import (
	"fmt"
	"maps"
	"math"

	"go.yaml.in/yaml/v3"
)

// anything converts a node to what JSON can hold: map[string]any, []any,
// string, bool, int, float64 or nil. Timestamps stay text, as Helm has them.
func (r *reader) anything(path string, n *yaml.Node) (value any) {
	r.follow(path, n, func(n *yaml.Node) {
		switch n.Kind {
		case yaml.MappingNode:
			m := map[string]any{}
			for _, e := range r.entries(path, n) {
				m[e.key.Value] = r.anything(join(path, e.key.Value), e.value)
			}
			value = m
		case yaml.SequenceNode:
			list := make([]any, len(n.Content))
			for i, item := range n.Content {
				list[i] = r.anything(fmt.Sprintf("%s[%d]", path, i), item)
			}
			value = list
		default:
			value = r.scalar(path, n)
		}
	})
	return value
}

func (r *reader) scalar(path string, n *yaml.Node) any {
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			r.add(r.placeOf(n), path, must("a value that its tag allows", got(n), "put it in quotes"))
			return nil
		}
		if x, ok := v.(float64); ok && (math.IsInf(x, 0) || math.IsNaN(x)) {
			r.add(r.placeOf(n), path, must("a finite number", got(n), "put it in quotes if text is meant"))
			return nil
		}
		return v
	case "!!str", "!!timestamp":
		return n.Value
	default:
		r.add(r.placeOf(n), path, fmt.Sprintf("has the tag %s, which chart values cannot carry: remove it", n.Tag))
		return nil
	}
}

// overlay returns base with over laid on it: mappings are merged, everything
// else is replaced.
func overlay(base, over map[string]any) map[string]any {
	if base == nil {
		return over
	}
	merged := maps.Clone(base)
	for key, value := range over {
		below, isMap := merged[key].(map[string]any)
		above, alsoMap := value.(map[string]any)
		if isMap && alsoMap {
			value = overlay(below, above)
		}
		merged[key] = value
	}
	return merged
}
