// Package graylog is a typed client of Graylog's REST API, for what a check of
// log shipping needs: search, and inputs that are started and stopped. It knows
// the standard library alone, so that a suite which asks Graylog links nothing
// that runs one.
package graylog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/airworthy/airworthy/internal/rest"
)

// Client talks to one Graylog. It is safe for concurrent use.
type Client struct{ api *rest.API }

// New makes a client for host:port; nothing is asked yet.
func New(address, user, password string) *Client {
	return &Client{rest.New("Graylog", "http://"+address+"/api", func(r *http.Request) {
		r.SetBasicAuth(user, password)
		r.Header.Set("Accept", "application/json, text/plain;q=0.5")
		r.Header.Set("X-Requested-By", "airworthy") // refused without, as a guard against forged forms
	})}
}

// Ready says why Graylog does not take messages yet, or nil.
func (c *Client) Ready(ctx context.Context) error {
	var status string
	if err := c.call(ctx, http.MethodGet, "/system/lbstatus", nil, nil, &status); err != nil {
		return err
	}
	if status != "ALIVE" {
		return fmt.Errorf("Graylog says that it is %q", status)
	}
	return nil
}

// Version is what the server reports of itself, such as 3.3.11+e4ac8fd.
func (c *Client) Version(ctx context.Context) (string, error) {
	var answer struct {
		Version string `json:"version"`
	}
	err := c.call(ctx, http.MethodGet, "/system", nil, nil, &answer)
	return answer.Version, err
}

// Message is one message as it was stored.
type Message struct {
	ID        string    `json:"id"`
	Timestamp time.Time `json:"timestamp"`
	Source    string    `json:"source"`
	Short     string    `json:"message"`
	Full      string    `json:"fullMessage,omitempty"`
	Level     int       `json:"level"` // syslog's: 3 error, 4 warning, 6 info, 7 debug; -1 where none was sent
	// Fields are the additional fields, as text: a search engine may make a
	// number of what was sent as text and the other way round.
	Fields map[string]string `json:"fields"`
}

// Search asks for messages; From and To are required.
type Search struct {
	Query    string // in Graylog's (Lucene's) syntax; * is all
	From, To time.Time
	Limit    int // at most 10000; 0 is 500
}

// Result is the messages of a search in the order of their times.
type Result struct {
	Total    int       `json:"total"` // matches, of which Messages may be the first ones
	Messages []Message `json:"messages"`
}

// Search looks for messages by time and query.
func (c *Client) Search(ctx context.Context, s Search) (Result, error) {
	if s.Limit == 0 {
		s.Limit = 500
	}
	const layout = "2006-01-02T15:04:05.000Z"
	query := url.Values{
		"query": {s.Query}, "sort": {"timestamp:asc"}, "limit": {strconv.Itoa(s.Limit)},
		"from": {s.From.UTC().Format(layout)}, "to": {s.To.UTC().Format(layout)},
	}
	var answer struct {
		Total    int `json:"total_results"`
		Messages []struct {
			Message map[string]any `json:"message"`
		} `json:"messages"`
	}
	if err := c.call(ctx, http.MethodGet, "/search/universal/absolute", query, nil, &answer); err != nil {
		return Result{}, fmt.Errorf("search for %s: %w", s.Query, err)
	}
	result := Result{Total: answer.Total}
	for _, one := range answer.Messages {
		message, err := messageOf(one.Message)
		if err != nil {
			return result, fmt.Errorf("search for %s: %w", s.Query, err)
		}
		result.Messages = append(result.Messages, message)
	}
	return result, nil
}

// Recent is Search over the time up to now.
func (c *Client) Recent(ctx context.Context, query string, since time.Duration) (Result, error) {
	// A clock of a node may be ahead of this one.
	return c.Search(ctx, Search{Query: query, From: time.Now().Add(-since), To: time.Now().Add(time.Minute)})
}

// Phrase quotes text for a query, so that its characters mean nothing.
func Phrase(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func messageOf(fields map[string]any) (Message, error) {
	m := Message{Level: -1, Fields: map[string]string{}}
	for key, value := range fields {
		text := fieldText(value)
		switch key {
		case "_id":
			m.ID = text
		case "message":
			m.Short = text
		case "full_message":
			m.Full = text
		case "source":
			m.Source = text
		case "level":
			level, err := strconv.Atoi(text)
			if err != nil {
				return m, fmt.Errorf("level of a message: %w", err)
			}
			m.Level = level
		case "timestamp":
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return m, fmt.Errorf("time of a message: %w", err)
			}
			m.Timestamp = at
		default:
			// Graylog's own: streams, gl2_source_input and their like.
			if key != "streams" && !strings.HasPrefix(key, "gl2_") {
				m.Fields[key] = text
			}
		}
	}
	return m, nil
}

func fieldText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case nil:
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// call sends a request and reads the answer into into: JSON, or plain text
// where into is a *string.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	data, err := c.api.Call(ctx, method, path, query, body)
	if err != nil || into == nil {
		return err
	}
	if text, ok := into.(*string); ok {
		*text = strings.TrimSpace(strings.Trim(string(data), `"`))
		return nil
	}
	return c.api.Decode(data, into)
}

// Refused reports whether Graylog answered that the credentials are wrong.
func Refused(err error) bool {
	var status *rest.StatusError
	return errors.As(err, &status) && status.Code == http.StatusUnauthorized
}
