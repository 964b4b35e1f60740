package v2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Entry is one message of a log. The server demands no field but event; all
// that is not one of the three here, or is one of them with another type than
// expected, is in Extra, so that nothing is lost.
type Entry struct {
	Timestamp time.Time
	Level     string
	Event     string
	Extra     map[string]any
}

// Log is TaskInstancesLogResponse.
type Log struct {
	Content      []Entry
	Continuation string
}

// DecodeLog reads the JSON form of a log, entry by entry: the time it takes
// grows with the size of the log and no further.
func DecodeLog(r io.Reader) (Log, error) {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	var log Log
	if err := delim(dec, '{'); err != nil {
		return Log{}, err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return Log{}, err
		}
		switch key {
		case "content":
			log.Content, err = content(dec)
		case "continuation_token":
			var token *string
			if err = dec.Decode(&token); err == nil && token != nil {
				log.Continuation = *token
			}
		default:
			err = dec.Decode(new(json.RawMessage))
		}
		if err != nil {
			return Log{}, fmt.Errorf("decode %v: %w", key, err)
		}
	}
	if err := delim(dec, '}'); err != nil {
		return Log{}, err
	}
	return log, nil
}

// DecodeStream reads the NDJSON form: one JSON value after another, until r ends.
func DecodeStream(r io.Reader, emit func(Entry) error) error {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	for {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		e, err := entry(v)
		if err != nil {
			return err
		}
		if err := emit(e); err != nil {
			return err
		}
	}
}

func content(dec *json.Decoder) ([]Entry, error) {
	if err := delim(dec, '['); err != nil {
		return nil, err
	}
	entries := []Entry{}
	for dec.More() {
		var v any
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		e, err := entry(v)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(entries), err)
		}
		entries = append(entries, e)
	}
	return entries, delim(dec, ']')
}

// entry converts one element: an object, or a line as text where the server
// could not parse the log.
func entry(v any) (Entry, error) {
	if line, ok := v.(string); ok {
		return Entry{Event: line}, nil
	}
	fields, ok := v.(map[string]any)
	if !ok {
		return Entry{}, fmt.Errorf("log entry is neither object nor text: %v", v)
	}
	var e Entry
	if at, ok := fields["timestamp"]; ok {
		if at == nil { // what the server writes for a message without one
			delete(fields, "timestamp")
		} else if text, ok := at.(string); ok {
			if t, err := time.Parse(time.RFC3339Nano, text); err == nil && !t.IsZero() {
				e.Timestamp = t
				delete(fields, "timestamp")
			}
		}
	}
	e.Level = take(fields, "level")
	e.Event = take(fields, "event")
	if len(fields) > 0 {
		e.Extra, _ = plain(fields).(map[string]any)
	}
	return e, nil
}

// take removes a text from fields; what is not a text stays.
func take(fields map[string]any, key string) string {
	text, ok := fields[key].(string)
	if ok {
		delete(fields, key)
	}
	return text
}

func delim(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	if t != want {
		return fmt.Errorf("decode log: %q expected, got %v", rune(want), t)
	}
	return nil
}
