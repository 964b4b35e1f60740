package admin

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/secure-io/sio-go"

	"github.com/airworthy/airworthy/pkg/service"
)

// open is the server's side of seal.
func open(t *testing.T, secret string, sealed []byte) string {
	t.Helper()
	if len(sealed) < saltSize+1+8 || sealed[saltSize] != pbkdf2Gcm {
		t.Fatalf("%d bytes do not begin with salt and way", len(sealed))
	}
	key, err := pbkdf2.Key(sha256.New, secret, sealed[:saltSize], pbkdf2Times, 32)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := sio.AES_256_GCM.Stream(key)
	if err != nil {
		t.Fatal(err)
	}
	rest := sealed[saltSize+1:]
	nonce := rest[:stream.NonceSize()]
	text, err := io.ReadAll(stream.DecryptReader(bytes.NewReader(rest[len(nonce):]), nonce, nil))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCalls(t *testing.T) {
	var got, body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.RequestURI()
		content, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/minio/admin/v3/add-user" {
			body = open(t, "root-secret", content)
		} else {
			body = string(content)
		}
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=root/") {
			t.Errorf("%s is not signed: %q", got, r.Header.Get("Authorization"))
		}
		if r.URL.Query().Get("accessKey") == "nobody" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"Code":"XMinioAdminNoSuchUser","Message":"The specified user does not exist."}`))
		}
	}))
	defer server.Close()
	c := New(service.Endpoint{FromHost: strings.TrimPrefix(server.URL, "http://"), User: "root", Secret: "root-secret"})
	for _, tt := range []struct {
		call       func() error
		want, body string
		err        string
	}{
		{call: func() error { return c.AddPolicy(t.Context(), "p", "{}") }, want: "PUT /minio/admin/v3/add-canned-policy?name=p", body: "{}"},
		{call: func() error { return c.AddUser(t.Context(), "u", "open-sesame") }, want: "PUT /minio/admin/v3/add-user?accessKey=u",
			body: `{"secretKey":"open-sesame","status":"enabled"}`},
		{call: func() error { return c.Grant(t.Context(), "u", "p") },
			want: "PUT /minio/admin/v3/set-user-or-group-policy?isGroup=false&policyName=p&userOrGroup=u"},
		{call: func() error { return c.SetEnabled(t.Context(), "u", false) },
			want: "PUT /minio/admin/v3/set-user-status?accessKey=u&status=disabled"},
		{call: func() error { return c.SetEnabled(t.Context(), "nobody", true) },
			want: "PUT /minio/admin/v3/set-user-status?accessKey=nobody&status=enabled",
			err:  "make user nobody enabled: XMinioAdminNoSuchUser: The specified user does not exist."},
	} {
		t.Run(tt.want, func(t *testing.T) {
			err := tt.call()
			if said := ""; err != nil && err.Error() != tt.err || err == nil && tt.err != said {
				t.Errorf("error is %v, want %q", err, tt.err)
			}
			if got != tt.want || body != tt.body {
				t.Errorf("asked %s with %q, want %s with %q", got, body, tt.want, tt.body)
			}
		})
	}
}
