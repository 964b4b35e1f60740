package config

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/airworthy/airworthy/internal/golden"
)

func TestSchemaIsCommitted(t *testing.T) {
	golden.Equal(t, "../../environments/run.schema.json", Schema())
}

// TestFieldsDescribeTheWholeRun compares the table with the structs that it fills.
func TestFieldsDescribeTheWholeRun(t *testing.T) {
	want := map[string]kind{}
	var walk func(string, reflect.Type)
	walk = func(path string, typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			p := join(path, f.Tag.Get("yaml"))
			if f.Tag.Get("yaml") != f.Tag.Get("json") {
				t.Errorf("%s is %q in JSON", p, f.Tag.Get("json"))
			}
			switch {
			case f.Type == reflect.TypeFor[time.Duration]():
				want[p] = duration
			case f.Type.Kind() == reflect.Struct:
				want[p] = section
				walk(p, f.Type)
			default:
				want[p] = map[reflect.Type]kind{
					reflect.TypeFor[string](): text, reflect.TypeFor[int](): whole, reflect.TypeFor[float64](): number, reflect.TypeFor[bool](): truth,
					reflect.TypeFor[map[string]any](): values, reflect.TypeFor[map[string]string](): textMap, reflect.TypeFor[[]string](): textList,
				}[f.Type]
			}
		}
	}
	walk("", reflect.TypeFor[Run]())
	got := map[string]kind{}
	for _, f := range fields {
		got[f.path] = f.kind
		if f.doc == "" {
			t.Errorf("%s has no description", f.path)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("table:   %v\nstructs: %v", got, want)
	}
}

// TestSchemaAgreesWithParse: an editor must not mark what Parse takes, and
// should mark what it refuses of a key alone.
func TestSchemaAgreesWithParse(t *testing.T) {
	tests := []struct {
		name, yaml string
		good       bool
	}{
		{"empty sections", "cluster:\nchecks:\n  skip:\n", true},
		{"durations", "timeouts: {build: 1h30m, observe: 1.5s}\n", true},
		{"a digest", "database: {image: \"postgres@sha256:0123456789012345678901234567890123456789012345678901234567890123\"}\n", true},
		{"values", "platform: {values: {a: [1, {b: null}]}}\n", true},
		{"a mirror", "images: {policy: mirror, mirror: \"localhost:5000/hub\"}\n", true},
		{"an unknown key", "cluster: {nodes: 1}\n", false},
		{"a number for text", "name: 5\n", false},
		{"a bare number for a duration", "timeouts: {build: 5}\n", false},
		{"a scale of 0", "timeouts: {scale: 0}\n", false},
		{"an image without a tag", "database: {image: postgres}\n", false},
		{"an unknown policy", "images: {perImage: {x: bild}}\n", false},
		{"a mirror without one", "images: {policy: mirror}\n", false},
		{"the official chart without one", "platform: {adapter: official}\n", false},
		{"an empty scalar", "name:\n", false},
	}
	schema := compiled(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := []byte(header + test.yaml)
			if _, err := Parse("run.yaml", data, nil); (err == nil) != test.good {
				t.Errorf("Parse: %v", err)
			}
			var doc any
			if err := yaml.Unmarshal(data, &doc); err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(doc); (err == nil) != test.good {
				t.Errorf("schema: %v", err)
			}
		})
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("run.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("run.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
