package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
)

// Values are chart values that are not written in the run file itself, and may
// not be written anywhere: they were decrypted for this run.
type Values struct {
	Values  map[string]any `json:"values"`
	Secrets []string       `json:"secrets"` // texts that evidence must not hold
}

// digest tells values apart without telling them; empty where there are none.
func (v Values) digest() string {
	if len(v.Values) == 0 {
		return ""
	}
	text, err := json.Marshal(v.Values) // keys are sorted
	if err != nil {
		return "" // they came out of JSON
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// lay lays over onto base without changing either; mappings are merged.
func lay(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	for key, value := range over {
		before, isMap := out[key].(map[string]any)
		if below, ok := value.(map[string]any); ok && isMap {
			out[key] = lay(before, below)
			continue
		}
		out[key] = value
	}
	return out
}
