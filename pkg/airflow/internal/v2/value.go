package v2

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// Value decodes JSON as encoding/json does into an any, except that an integer
// that a float64 cannot hold exactly stays a json.Number.
func Value(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return plain(v), nil
}

// plain replaces each json.Number in v by a float64 that holds the same number.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(v)
	case map[string]any:
		for k, e := range v {
			v[k] = plain(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	}
	return v
}

// number keeps integers beyond 2^53 and what overflows a float64 as they are.
func number(n json.Number) any {
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		return n
	}
	if math.Abs(f) >= 1<<53 {
		if i, ok := exact(f); !ok || i != string(n) {
			return n
		}
	}
	return f
}

// exact writes f as an integer, when it is one that fits 64 bits.
func exact(f float64) (string, bool) {
	if f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return "", false
	}
	return strconv.FormatInt(int64(f), 10), true
}

// Sequences replaces Python's tuples and sets, which Airflow stores as objects
// that name the class, by arrays. Objects of other classes stay as stored.
func Sequences(v any) any {
	switch v := v.(type) {
	case map[string]any:
		switch v["__classname__"] {
		case "builtins.tuple", "builtins.set", "builtins.frozenset":
			if data, ok := v["__data__"].([]any); ok {
				return Sequences(data)
			}
		}
		for k, e := range v {
			v[k] = Sequences(e)
		}
	case []any:
		for i, e := range v {
			v[i] = Sequences(e)
		}
	}
	return v
}
