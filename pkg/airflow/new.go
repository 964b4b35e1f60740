package airflow

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	v2 "github.com/airworthy/airworthy/pkg/airflow/internal/v2"
)

// New finds out which API the server at opts.URL speaks, logs in and returns a
// Client of it. An Airflow 2 gives an error for which
// errors.Is(err, ErrUnsupportedAPI) holds; while the server does not answer
// yet, the error is Transient.
func New(ctx context.Context, opts Options) (Client, error) {
	base, err := baseURL(opts.URL)
	if err != nil {
		return nil, err
	}
	c := &caller{base: base, http: &http.Client{Transport: opts.Transport}}
	if opts.Transport == nil {
		c.http.Transport = newTransport(silence)
	}
	if opts.Record != nil {
		c.record = &recorder{to: opts.Record}
	}
	api, err := detect(ctx, c, opts)
	if err != nil {
		return nil, err
	}
	c.token = newTokens(opts.User, opts.Password)
	if opts.Token != "" {
		c.token.fixed, c.token.value = true, opts.Token
		return api(c), nil
	}
	if _, err := c.token.get(ctx, c); err != nil {
		return nil, fmt.Errorf("log in to Airflow as %q: %w", opts.User, err)
	}
	return api(c), nil
}

// Login logs in to the server at opts.URL and returns the token.
func Login(ctx context.Context, opts Options) (string, error) {
	base, err := baseURL(opts.URL)
	if err != nil {
		return "", err
	}
	c := &caller{base: base, http: &http.Client{Transport: opts.Transport}}
	if opts.Transport == nil {
		c.http.Transport = newTransport(silence)
		defer c.http.CloseIdleConnections()
	}
	token, err := newTokens(opts.User, opts.Password).get(ctx, c)
	if err != nil {
		return "", fmt.Errorf("log in to Airflow as %q: %w", opts.User, err)
	}
	return token, nil
}

func baseURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("parse Airflow URL: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("parse Airflow URL %q: give it as http://host:port, with the path before /api if there is one", raw)
	}
	return strings.TrimRight(raw, "/"), nil
}

// detect asks for the version under the newest API first. It returns what makes
// a Client of the API that was found; that of v1 goes where its error is made now.
func detect(ctx context.Context, c *caller, opts Options) (func(*caller) Client, error) {
	err := c.call(ctx, request{method: http.MethodGet, path: v2.Root + "/version", open: true}, &v2.Version{})
	if err == nil {
		return func(c *caller) Client { return &clientV2{c} }, nil
	}
	if !NotFound(err) {
		return nil, fmt.Errorf("find Airflow's API: %w", err)
	}
	var old struct {
		Version string `json:"version"`
	}
	if oldErr := c.call(ctx, request{method: http.MethodGet, path: "/api/v1/version", open: true}, &old); oldErr != nil || old.Version == "" {
		return nil, fmt.Errorf("find Airflow's API at %s: neither %s nor /api/v1 is served: %w", c.base, v2.Root, err)
	}
	return nil, &UnsupportedAPIError{URL: opts.URL, Version: old.Version, API: "v1"}
}
