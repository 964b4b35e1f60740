package minio

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/pkg/service"
)

// A server that has just started makes buckets before it knows its users.
func TestFurnishWaitsForTheServersUsers(t *testing.T) {
	for _, test := range []struct {
		name     string
		refusals int
		status   int
		code     string
		wantErr  string
	}{
		{"ready", 0, 0, "", ""},
		{"not yet", 3, http.StatusServiceUnavailable, "XMinioSaysNo", ""},
		{"forgotten", 2, http.StatusNotFound, "XMinioAdminNoSuchPolicy", ""},
		{"for good", 1, http.StatusForbidden, "XMinioSaysNo", "XMinioSaysNo: it does"},
	} {
		t.Run(test.name, func(t *testing.T) {
			left, calls := test.refusals, 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("location") {
					_, _ = w.Write([]byte(`<LocationConstraint/>`))
				}
				if !strings.HasPrefix(r.URL.Path, "/minio/admin/") {
					return
				}
				calls++
				if left > 0 {
					left--
					w.WriteHeader(test.status)
					_, _ = w.Write([]byte(`{"Code":"` + test.code + `","Message":"it does"}`))
				}
			}))
			defer server.Close()
			root := service.Endpoint{FromHost: strings.TrimPrefix(server.URL, "http://"), Bucket: "logs", User: "root", Secret: "root-secret"}
			err := Furnish(t.Context(), root, service.Endpoint{User: "user", Secret: "user-secret"})
			if test.wantErr == "" {
				if want := test.refusals + 3; err != nil || calls != want {
					t.Errorf("got %v after %d calls, want %d", err, calls, want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.wantErr) || calls != 1 {
				t.Errorf("got %v after %d calls", err, calls)
			}
		})
	}
}
