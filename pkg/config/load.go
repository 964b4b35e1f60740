package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads the run file at path, applies settings of the form
// key.path=value over it, and checks the result. What is wrong with the content
// is an *Error with every problem in it.
func Load(path string, sets []string) (Run, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Run{}, fmt.Errorf("read run file: %w: give the path of a run file such as environments/local.yaml", err)
	}
	return Parse(path, data, sets)
}

// Parse is Load for data that is already there. Relative paths in data are
// taken from the folder of name, those in sets from the working directory; both
// are absolute in the result.
func Parse(name string, data []byte, sets []string) (Run, error) {
	r := &reader{run: Default(), file: name, where: map[string]place{}, broken: map[string]bool{}}
	if root, ok := r.document(data); ok {
		r.base = filepath.Dir(name)
		r.section("", root)
		if _, given := r.where["apiVersion"]; !given && r.sound("") {
			r.add(place{line: 1, column: 1}, "apiVersion", "is required: write apiVersion: "+APIVersion)
		}
	}
	for _, set := range sets {
		r.setting(set)
	}
	r.validate()
	if len(r.problems) > 0 {
		return Run{}, &Error{Problems: sorted(r.problems)}
	}
	return r.run, nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// document parses data into its one node. The node is nil for an empty file.
func (r *reader) document(data []byte) (*yaml.Node, bool) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, true
	}
	if err == nil {
		err = decoder.Decode(&more)
		if err == nil {
			r.add(place{line: more.Line, column: 1}, "", "must be one YAML document (got a second one): split the file at ---")
			return nil, false
		}
		if errors.Is(err, io.EOF) {
			return doc.Content[0], true
		}
	}
	m := yamlLine.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(m[1])
	r.add(place{line: max(line, 1), column: 1}, "", "is not valid YAML: "+strings.TrimPrefix(err.Error(), m[0]))
	return nil, false
}

// setting applies one key.path=value as if it were a small run file.
func (r *reader) setting(set string) {
	path, value, ok := strings.Cut(set, "=")
	r.set, r.base = set, ""
	defer func() { r.set = "" }()
	if !ok || path == "" {
		r.add(place{set: set}, "", "must be key.path=value: write for example cluster.workers=2")
		return
	}
	keys := strings.Split(path, ".")
	known, f := 0, field{}
	for i := range keys {
		if found, ok := lookup(strings.Join(keys[:i+1], ".")); ok {
			known, f = i+1, found
		}
	}
	rest := keys[known:]
	switch {
	case len(rest) > 0 && f.kind == textMap:
		// Names of images have dots in them.
		keys = append(keys[:known:known], strings.Join(rest, "."))
		f.kind = text
	case len(rest) == 0 || f.kind == values || f.kind == section:
	default:
		r.add(place{set: set}, path, fmt.Sprintf("is not a key: %s has no keys below it", f.path))
		return
	}
	node, err := settingValue(f.kind, value)
	if err != nil {
		r.add(place{set: set}, path, "is not valid YAML: "+strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	for i := len(keys) - 1; i >= 0; i-- {
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: keys[i]}
		node = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{key, node}}
	}
	r.section("", node)
}

// settingValue reads the value of a setting: as it stands where text is wanted,
// else as YAML.
func settingValue(k kind, value string) (*yaml.Node, error) {
	if k == text || k == duration {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}, nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(value), &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}, nil
	}
	return doc.Content[0], nil
}
