// Package rest asks the JSON API of a service. It knows the standard library alone.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// API is that of one service. It is safe for concurrent use.
type API struct {
	service string // for messages
	base    string
	prepare func(*http.Request)
	http    *http.Client
}

// New makes an API; nothing is asked yet. prepare completes every request, and may be nil.
func New(service, base string, prepare func(*http.Request)) *API {
	return &API{service: service, base: base, prepare: prepare, http: &http.Client{Timeout: 30 * time.Second}}
}

// StatusError is an answer that is no success.
type StatusError struct {
	Service, Method, Path string
	Code                  int
	Content               []byte
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s of %s: %d %s: %s", e.Method, e.Path, e.Service, e.Code, http.StatusText(e.Code), short(e.Content))
}

// Call sends a request, with body as JSON where it is not nil, and gives the
// content of the answer. A *StatusError is an answer that is no success.
func (a *API) Call(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	address := a.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	if a.prepare != nil {
		a.prepare(request)
	}
	answer, err := a.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s of %s: %w", method, path, a.service, err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, &StatusError{Service: a.service, Method: method, Path: path, Code: answer.StatusCode, Content: data}
	}
	return data, nil
}

// Decode reads an answer's JSON. Numbers of no certain type stay as they were written.
func (a *API) Decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("read %s's answer %q: %w", a.service, short(data), err)
	}
	return nil
}

// Unreachable reports whether nothing answered at all.
func Unreachable(err error) bool {
	var network *url.Error
	return errors.As(err, &network)
}

// short is enough of an answer for a message.
func short(data []byte) string {
	text := []rune(strings.TrimSpace(string(data)))
	if len(text) > 300 {
		return string(text[:300]) + "..."
	}
	return string(text)
}
