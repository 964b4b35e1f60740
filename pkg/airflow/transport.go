package airflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// caller sends requests to one server: it adds the token, records each request
// and turns answers that are no success into errors. It knows no endpoint.
type caller struct {
	base   string // without a slash at the end
	http   *http.Client
	token  *tokens // nil: requests are sent without a token
	record *recorder
}

// request is one call. The body is kept as bytes, so that it can be sent again
// with a new token.
type request struct {
	method string
	path   string // from the root, escaped
	query  url.Values
	body   any    // sent as JSON, nil for none
	accept string // "" is application/json
	open   bool   // needs no token
}

func (r request) target() string {
	if len(r.query) == 0 {
		return r.path
	}
	return r.path + "?" + r.query.Encode()
}

// newTransport neither compresses, because on the machine that runs both sides
// the processor is scarcer than the network, nor looks for a proxy in the
// environment. It gives up on a connection whose other end says nothing for
// silent: what stands between may have lost it without a word, and whoever waits
// for Airflow has to ask again by another one. An answer to a request that the
// database holds up takes longer than any other: half a minute in the checks.
func newTransport(silent time.Duration) *http.Transport {
	return &http.Transport{
		DisableCompression: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
		DialContext:           (&net.Dialer{Timeout: silent}).DialContext,
		ResponseHeaderTimeout: silent,
	}
}

// silence is for how long an API server may leave a request without an answer.
const silence = 40 * time.Second

// call sends r and decodes a JSON answer into out, which may be nil.
func (c *caller) call(ctx context.Context, r request, out any) error {
	body, err := c.bytes(ctx, r)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("decode answer of %s %s: %w", r.method, r.target(), err)
	}
	return nil
}

// bytes sends r and returns the whole answer.
func (c *caller) bytes(ctx context.Context, r request) ([]byte, error) {
	var whole []byte
	err := c.stream(ctx, r, func(body io.Reader) (err error) {
		whole, err = io.ReadAll(body)
		return err
	})
	return whole, err
}

// stream sends r and lets read have the body of a success. A token that the
// server no longer takes is renewed once.
func (c *caller) stream(ctx context.Context, r request, read func(io.Reader) error) error {
	if r.open || c.token == nil {
		return c.once(ctx, r, "", read)
	}
	token, err := c.token.get(ctx, c)
	if err != nil {
		return err
	}
	err = c.once(ctx, r, token, read)
	if !Refused(err) || c.token.fixed {
		return err
	}
	if token, err = c.token.renew(ctx, c, token); err != nil {
		return err
	}
	return c.once(ctx, r, token, read)
}

// once sends r a single time.
func (c *caller) once(ctx context.Context, r request, token string, read func(io.Reader) error) (err error) {
	req, err := c.request(ctx, r, token)
	if err != nil {
		return err
	}
	start, status := time.Now(), 0
	defer func() { c.record.line(r, status, time.Since(start), err) }()
	resp, err := c.http.Do(req)
	if err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() && ctx.Err() == nil {
			err = silentError{err.Error()}
		}
		return fmt.Errorf("reach Airflow: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	status = resp.StatusCode
	if status < 200 || status > 299 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		return apiError(r.method, r.target(), status, body)
	}
	if err := read(resp.Body); err != nil {
		return fmt.Errorf("read answer of %s %s: %w", r.method, r.target(), err)
	}
	return nil
}

func (c *caller) request(ctx context.Context, r request, token string) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encode request %s %s: %w", r.method, r.path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.target(), body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// recorder writes one line for each request. A nil recorder writes nothing.
type recorder struct {
	mu sync.Mutex
	to io.Writer
}

func (r *recorder) line(q request, status int, took time.Duration, err error) {
	if r == nil {
		return
	}
	outcome := fmt.Sprint(status)
	if status == 0 {
		outcome = "-"
	}
	line := fmt.Sprintf("%s %s %s %s", q.method, q.target(), outcome, took.Round(100*time.Microsecond))
	if err != nil {
		line += " " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// A record that cannot be written must not fail the request that it is about.
	_, _ = io.WriteString(r.to, line+"\n")
}
