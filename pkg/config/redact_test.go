package config

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestRedacted(t *testing.T) {
	tests := []struct {
		name      string
		got, want any
	}{
		{"keys", map[string]any{"adminPassword": "x", "fernetKey": "y", "image": "z"}, map[string]any{"adminPassword": redacted, "fernetKey": redacted, "image": "z"}},
		{"everything below a key", map[string]any{"metadataConnection": map[string]any{"user": "u", "port": 5432, "tls": true, "none": nil, "empty": ""}},
			map[string]any{"metadataConnection": map[string]any{"user": redacted, "port": redacted, "tls": true, "none": nil, "empty": ""}}},
		{"variables of containers", map[string]any{"env": []any{map[string]any{"name": "DB_PASSWORD", "value": "x"}, map[string]any{"name": "LEVEL", "value": "DEBUG"}}},
			map[string]any{"env": []any{map[string]any{"name": "DB_PASSWORD", "value": redacted}, map[string]any{"name": "LEVEL", "value": "DEBUG"}}}},
		{"passwords in addresses", map[string]any{"url": "postgres://user:pw@host/db"}, map[string]any{"url": "postgres://REDACTED@host/db"}},
		{"lines of files", map[string]any{"extra": "[core]\nfernet_key = abc\nparallelism = 4\n"}, map[string]any{"extra": "[core]\nfernet_key = REDACTED\nparallelism = 4\n"}},
		{"numbers and switches", map[string]any{"replicas": 2, "enabled": false}, map[string]any{"replicas": 2, "enabled": false}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := Default()
			run.Platform.Values = test.got.(map[string]any)
			before, _ := json.Marshal(run)
			if got := run.Redacted().Platform.Values; !reflect.DeepEqual(any(got), test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if after, _ := json.Marshal(run); string(after) != string(before) {
				t.Errorf("the run was changed to %s", after)
			}
		})
	}
}

func TestRunSurvivesJSON(t *testing.T) {
	run, err := Parse("run.yaml", []byte(header+"checks: {skip: [a.b]}\nplatform: {values: {a: [x, true, {b: null}]}}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	var back Run
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, run) {
		t.Errorf("got %+v, want %+v", back, run)
	}
}
