package airflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// APIError is an answer of the server that is not a success.
type APIError struct {
	Status int    // HTTP status
	Method string // of the request
	Path   string // of the request, with its query
	Title  string // the server's short reason, or the status in words
	Detail string // what the server said of this request, "" when it said nothing
}

func (e *APIError) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, e.Title)
	}
	return fmt.Sprintf("%s %s: %d %s: %s", e.Method, e.Path, e.Status, e.Title, e.Detail)
}

// ErrUnsupportedAPI says that the server is an Airflow whose API this package
// does not speak. The error that New returns is an *UnsupportedAPIError.
var ErrUnsupportedAPI = errors.New("unsupported Airflow API")

// UnsupportedAPIError names the Airflow that was found behind ErrUnsupportedAPI.
type UnsupportedAPIError struct {
	URL     string // as given in Options
	Version string // what the server says of itself, for example 2.10.5
	API     string // the API that it serves, for example v1
}

func (e *UnsupportedAPIError) Error() string {
	return fmt.Sprintf("unsupported Airflow API: %s is Airflow %s and serves API %s, only v2 (Airflow 3) is supported: set an Airflow 3 version", e.URL, e.Version, e.API)
}

// Is makes errors.Is(err, ErrUnsupportedAPI) hold.
func (e *UnsupportedAPIError) Is(target error) bool { return target == ErrUnsupportedAPI }

// NotFound reports whether the server answered that the thing does not exist.
func NotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// Conflict reports whether the server answered 409: the run exists already, or
// a run that is running was to be deleted.
func Conflict(err error) bool { return hasStatus(err, http.StatusConflict) }

func hasStatus(err error, status int) bool {
	var api *APIError
	return errors.As(err, &api) && api.Status == status
}

// silentError is the end of this client's own patience with a connection. That
// of net/http says of itself that it is a context's.
type silentError struct{ text string }

func (e silentError) Error() string { return e.text }

// Transient reports whether err is of the kind that a server, or what stands
// before it, gives while it restarts: the connection was refused, reset, cut
// or silent, or the answer was 502, 503 or 504. The end of the caller's own context is not.
func Transient(err error) bool {
	var silent silentError
	if errors.As(err, &silent) {
		return true
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var api *APIError
	if errors.As(err, &api) {
		switch api.Status {
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	for _, cut := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET,
		syscall.ECONNABORTED, syscall.EPIPE, syscall.EHOSTUNREACH, syscall.ENETUNREACH,
	} {
		if errors.Is(err, cut) {
			return true
		}
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return true
	}
	// net/http gives this one no value to compare with.
	return strings.Contains(err.Error(), "server closed idle connection")
}

// apiError makes the error of an answer. FastAPI puts the reason into detail,
// as a text, an object or (422) a list of fields; Airflow 2 used title and
// detail; something in between answers anything at all.
func apiError(method, path string, status int, body []byte) *APIError {
	e := &APIError{Status: status, Method: method, Path: path, Title: http.StatusText(status)}
	var wire struct {
		Title  string          `json:"title"`
		Error  string          `json:"error"`
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(body, &wire) != nil {
		e.Detail = shorten(strings.TrimSpace(string(body)))
		return e
	}
	if wire.Title != "" {
		e.Title = wire.Title
	}
	e.Detail = wire.Error
	if d := detail(wire.Detail, e); d != "" {
		e.Detail = d
	}
	return e
}

// detail reads the three forms of FastAPI's detail; an object's reason becomes the title.
func detail(raw json.RawMessage, e *APIError) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var object struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &object) == nil && object.Reason != "" {
		e.Title = object.Reason
		return object.Message
	}
	var fields []struct {
		Loc []any  `json:"loc"`
		Msg string `json:"msg"`
	}
	if json.Unmarshal(raw, &fields) == nil && len(fields) > 0 {
		said := make([]string, len(fields))
		for i, f := range fields {
			where := strings.Trim(strings.ReplaceAll(fmt.Sprint(f.Loc), " ", "."), "[]")
			said[i] = where + ": " + f.Msg
		}
		return strings.Join(said, "; ")
	}
	return shorten(string(raw))
}

// shorten keeps a proxy's HTML page from filling a report.
func shorten(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " ..."
}
