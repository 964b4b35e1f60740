package graylog

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

// serve answers every request with one body and keeps what was asked.
func serve(t *testing.T, code int, body string, asked *http.Request) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = *r.Clone(context.Background())
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return New(strings.TrimPrefix(server.URL, "http://"), "admin", "secret")
}

func TestSearch(t *testing.T) {
	var asked http.Request
	c := serve(t, http.StatusOK, `{"total_results": 3, "messages": [{"index": "graylog_0", "message": {
		"_id": "a1", "message": "it failed", "full_message": "Traceback\nit failed", "source": "node-1", "level": 3,
		"timestamp": "2026-11-23T23:39:17.420Z", "try_number": 2, "dag_id": "shipped", "gl2_source_input": "x", "streams": ["1"]}}]}`, &asked)
	from := time.Date(2026, 11, 23, 23, 0, 0, 0, time.FixedZone("", 3600))
	got, err := c.Search(t.Context(), Search{Query: `dag_id:shipped`, From: from, To: from.Add(time.Hour), Limit: 7})
	if err != nil {
		t.Fatal(err)
	}
	want := Result{Total: 3, Messages: []Message{{
		ID: "a1", Short: "it failed", Full: "Traceback\nit failed", Source: "node-1", Level: 3,
		Timestamp: time.Date(2026, 11, 23, 23, 39, 17, 420e6, time.UTC),
		Fields:    map[string]string{"try_number": "2", "dag_id": "shipped"},
	}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if q := asked.URL.Query(); asked.URL.Path != "/api/search/universal/absolute" || q.Get("query") != "dag_id:shipped" ||
		q.Get("from") != "2026-11-23T22:00:00.000Z" || q.Get("limit") != "7" {
		t.Errorf("asked for %s", asked.URL)
	}
	if user, password, _ := asked.BasicAuth(); user != "admin" || password != "secret" || asked.Header.Get("X-Requested-By") == "" {
		t.Errorf("asked with %v", asked.Header)
	}
}

func TestErrorsSayWhatWasAnswered(t *testing.T) {
	var asked http.Request
	c := serve(t, http.StatusUnauthorized, "no", &asked)
	_, err := c.Version(t.Context())
	if want := "GET /system of Graylog: 401 Unauthorized: no"; err == nil || err.Error() != want || !Refused(err) {
		t.Errorf("error is %v, want %s", err, want)
	}
	if err := serve(t, http.StatusOK, `DEAD`, &asked).Ready(t.Context()); err == nil || err.Error() != `Graylog says that it is "DEAD"` {
		t.Errorf("error is %v", err)
	}
	if err := serve(t, http.StatusOK, "ALIVE", &asked).Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPhrase(t *testing.T) {
	if got, want := Phrase(`a "b" \c:/`), `"a \"b\" \\c:/"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
