package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// must words a refusal: what is wanted, what was found, how to mend it.
func must(wanted, got, mend string) string {
	return fmt.Sprintf("must be %s (got %s): %s", wanted, got, mend)
}

// refuses says what is wanted instead of value, and how to mend it; wanted is
// empty when the value is good.
func (f field) refuses(value string) (wanted, mend string) {
	if f.enum != nil {
		for _, e := range f.enum {
			if e == value {
				return "", ""
			}
		}
		mend = "choose one of these"
		if near := nearest(value, f.enum); near != "" {
			mend = "did you mean " + near + "?"
		} else if len(f.enum) == 1 {
			mend = "nothing else is supported by this version"
		}
		if len(f.enum) == 1 {
			return f.enum[0], mend
		}
		return "one of " + strings.Join(f.enum, ", "), mend
	}
	if f.pattern == nil || (f.optional && value == "") || f.pattern.MatchString(value) {
		return "", ""
	}
	if f.path == "platform.airflowVersion" && strings.HasPrefix(value, "2.") {
		return f.must, "Airflow 2 is not supported yet by this version"
	}
	return f.must, f.mend
}

// span words the range of a number.
func (f field) span(what string) string {
	low, high := strconv.FormatFloat(f.min, 'g', -1, 64), strconv.FormatFloat(f.max, 'g', -1, 64)
	if f.above {
		return what + " above " + low + " and at most " + high
	}
	return what + " from " + low + " to " + high
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
func isText(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!str" }

// quoteMend says how a value that is no text becomes one.
func quoteMend(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		return "put it in quotes"
	}
	return `write the text behind the colon, or "" for none`
}

// got words a value for an error, shortened.
func got(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "the alias *" + n.Value
	case isNull(n):
		return "nothing"
	}
	shown := []rune(n.Value)
	if len(shown) > 60 {
		shown = append(shown[:57], []rune("...")...)
	}
	if isText(n) {
		return strconv.Quote(string(shown))
	}
	return string(shown)
}
