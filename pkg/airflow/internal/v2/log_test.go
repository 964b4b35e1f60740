package v2

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDecodeLog(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, tt := range []struct {
		name, body string
		want       Log
	}{
		{"empty", `{"content":[],"continuation_token":null}`, Log{Content: []Entry{}}},
		{"lines of text", `{"content":["a","b"],"continuation_token":"t"}`, Log{Content: []Entry{{Event: "a"}, {Event: "b"}}, Continuation: "t"}},
		{"fields", `{"content":[{"timestamp":"2026-01-02T03:04:05.000006Z","level":"info","event":"x","n":1,"o":{"a":[9007199254740993]}}]}`,
			Log{Content: []Entry{{Timestamp: at, Level: "info", Event: "x", Extra: map[string]any{"n": 1.0, "o": map[string]any{"a": []any{json.Number("9007199254740993")}}}}}}},
		{"unexpected types are kept", `{"content":[{"timestamp":"yesterday","level":3,"event":"x"}]}`,
			Log{Content: []Entry{{Event: "x", Extra: map[string]any{"timestamp": "yesterday", "level": 3.0}}}}},
		{"unknown keys are skipped", `{"more":{"content":[1]},"content":[{"timestamp":null,"event":"x"}]}`, Log{Content: []Entry{{Event: "x"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeLog(strings.NewReader(tt.body))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %#v, %v\nwant %#v", got, err, tt.want)
			}
		})
	}
	for _, body := range []string{"", "null", "[]", `{"content":[1]}`, `{"content":["a"`, `{"content":{}}`} {
		if got, err := DecodeLog(strings.NewReader(body)); err == nil {
			t.Errorf("DecodeLog(%q) = %#v", body, got)
		}
	}
}

// The NDJSON and the JSON form of one real log decode into the same entries.
func TestBothFormsAgree(t *testing.T) {
	whole, err := os.ReadFile("../../testdata/v2/log.json")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := os.ReadFile("../../testdata/v2/log.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	log, err := DecodeLog(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	var entries []Entry
	if err := DecodeStream(bytes.NewReader(stream), func(e Entry) error { entries = append(entries, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(entries) == 0 || !reflect.DeepEqual(entries, log.Content) {
		t.Errorf("%d and %d entries differ", len(entries), len(log.Content))
	}
}

func TestDecodeStreamEndsOnEmitError(t *testing.T) {
	stop := errors.New("enough")
	err := DecodeStream(strings.NewReader(`{"event":"a"}`+"\n"+`{"event":"b"}`), func(Entry) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

// What goes in as an entry's fields comes out of Entry: nothing is lost.
func FuzzEntryKeepsAllFields(f *testing.F) {
	f.Add(`{"timestamp":"2026-11-23T21:06:21.016890Z","event":"x","level":"info","logger":"task","lineno":1926}`)
	f.Add(`{"event":null,"timestamp":1,"level":[],"a":{"b":1e400},"c":-0.5}`)
	f.Add(`{"timestamp":"0001-01-01T00:00:00Z","event":""}`)
	f.Add(`"text"`)
	f.Fuzz(func(t *testing.T, raw string) {
		var fields map[string]any
		dec := json.NewDecoder(strings.NewReader(raw))
		dec.UseNumber()
		if dec.Decode(&fields) != nil || fields == nil || dec.More() {
			_, _ = DecodeLog(strings.NewReader(`{"content":[` + raw + `]}`)) // must not panic
			return
		}
		log, err := DecodeLog(strings.NewReader(`{"content":[` + raw + `]}`))
		if err != nil {
			return // what follows the object is not JSON
		}
		e := log.Content[0]
		for key, want := range fields {
			got, kept := e.Extra[key]
			switch text, _ := want.(string); {
			case kept:
				if !reflect.DeepEqual(got, plain(want)) {
					t.Errorf("%s: got %v, want %v", key, got, want)
				}
			case key == "event" && e.Event == text, key == "level" && e.Level == text:
			case key == "timestamp" && want == nil:
			case key == "timestamp":
				if at, err := time.Parse(time.RFC3339Nano, text); err != nil || !at.Equal(e.Timestamp) {
					t.Errorf("timestamp: got %v, want %v", e.Timestamp, want)
				}
			default:
				t.Errorf("%s is lost: %v", key, want)
			}
		}
	})
}

// The time for one entry must not depend on how many there are; 40,000 entries
// are a log of 5 MB.
func BenchmarkDecodeLog(b *testing.B) {
	for _, n := range []int{4_000, 40_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			body := `{"content":[` + strings.TrimSuffix(strings.Repeat(`{"timestamp":"2026-11-23T21:06:21.016890Z","event":"a line of the log","level":"info","logger":"task.stdout","lineno":10},`, n), ",") + `],"continuation_token":null}`
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := DecodeLog(strings.NewReader(body)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
		})
	}
}

func BenchmarkDecodeOneLongLine(b *testing.B) {
	body := `{"content":[{"event":"` + strings.Repeat("y", 5<<20) + `"}]}`
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := DecodeLog(strings.NewReader(body)); err != nil {
			b.Fatal(err)
		}
	}
}
