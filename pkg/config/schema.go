package config

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// object is a JSON object; encoding sorts its keys, so that the schema is the
// same bytes every time.
type object = map[string]any

// Schema returns the JSON schema (2020-12) of the run file, for editors. It
// allows what Parse allows of each key alone; what Parse checks beside that
// (files that must exist, keys that exclude each other) only Parse knows.
func Schema() []byte {
	defaults := Default()
	root := sectionSchema("", &defaults)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "airworthy run file"
	root["type"] = "object"
	root["required"] = []string{"apiVersion"}
	var conditions []object
	for _, n := range needs {
		conditions = append(conditions, condition(n))
	}
	root["allOf"] = conditions
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(root); err != nil {
		panic(err) // only maps, strings and numbers of our own
	}
	return data.Bytes()
}

func sectionSchema(path string, defaults *Run) object {
	properties := object{}
	for _, key := range children(path) {
		f, _ := lookup(join(path, key))
		properties[key] = fieldSchema(f, defaults)
	}
	return object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

func fieldSchema(f field, defaults *Run) object {
	var s object
	switch f.kind {
	case section:
		s = sectionSchema(f.path, defaults)
		s["description"] = f.doc
		return s
	case text:
		s = textSchema(f)
		s["default"] = at(defaults, f.path).String()
	case whole:
		s = object{"type": "integer", "minimum": f.min, "maximum": f.max, "default": at(defaults, f.path).Int()}
	case number:
		low := "minimum"
		if f.above {
			low = "exclusiveMinimum"
		}
		s = object{"type": "number", low: f.min, "maximum": f.max, "default": at(defaults, f.path).Float()}
	case truth:
		s = object{"type": "boolean", "default": at(defaults, f.path).Bool()}
	case duration:
		d := time.Duration(at(defaults, f.path).Int())
		s = object{"type": "string", "pattern": durationPattern.String(), "default": short(d)}
	case values:
		s = object{"type": []string{"object", "null"}, "default": object{}}
	case textMap:
		s = object{"type": []string{"object", "null"}, "additionalProperties": textSchema(f), "default": object{}}
	case textList:
		s = object{"type": []string{"array", "null"}, "items": textSchema(f), "default": []string{}}
	}
	s["description"] = f.doc
	return s
}

func textSchema(f field) object {
	s := object{"type": "string"}
	if f.enum != nil {
		s["enum"] = f.enum
	}
	if f.pattern != nil {
		s["pattern"] = f.pattern.String()
		if f.optional {
			s["pattern"] = "^$|" + f.pattern.String()
		}
	}
	return s
}

// condition says in the schema's words that a key is needed.
func condition(n need) object {
	return object{
		"if":   nest(n.when, object{"const": n.is}),
		"then": nest(n.path, object{"minLength": 1}),
	}
}

// nest requires every key of path and puts s at its end.
func nest(path string, s object) object {
	keys := strings.Split(path, ".")
	for i := len(keys) - 1; i >= 0; i-- {
		s = object{"type": "object", "properties": object{keys[i]: s}, "required": []string{keys[i]}}
	}
	return s
}

// short writes a duration without the zeros that its String has: 3m, not 3m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
