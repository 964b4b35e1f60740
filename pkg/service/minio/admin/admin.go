// Package admin manages the users of a MinIO server, by the calls of its admin
// API that this takes. MinIO's own client derives the key that hides a new user's
// secret by Argon2, which takes 64 MiB of memory for each call; the server takes
// PBKDF2 as well, as that client uses where FIPS 140 is asked for.
package admin

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7/pkg/signer"
	"github.com/secure-io/sio-go"

	"github.com/airworthy/airworthy/pkg/service"
)

// root of the admin API.
const root = "/minio/admin/v3/"

// Client acts as the administrator of a server.
type Client struct {
	as   service.Endpoint
	http *http.Client
}

// New makes a client of the server at as.FromHost, with the administrator's
// user and secret.
func New(as service.Endpoint) *Client {
	// Reads no proxy from the environment: the server is beside us.
	return &Client{as: as, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// Host is the server's address on this machine.
func (c *Client) Host() string { return c.as.FromHost }

// AddPolicy makes a policy, or replaces it.
func (c *Client) AddPolicy(ctx context.Context, name, policy string) error {
	return c.put(ctx, "add policy "+name, "add-canned-policy", url.Values{"name": {name}}, []byte(policy))
}

// AddUser makes a user who may nothing yet, or gives one a new secret.
func (c *Client) AddUser(ctx context.Context, user, secret string) error {
	request, err := json.Marshal(map[string]string{"secretKey": secret, "status": "enabled"})
	if err != nil {
		return fmt.Errorf("add user %s: %w", user, err)
	}
	sealed, err := seal(c.as.Secret, request)
	if err != nil {
		return fmt.Errorf("add user %s: %w", user, err)
	}
	return c.put(ctx, "add user "+user, "add-user", url.Values{"accessKey": {user}}, sealed)
}

// Grant gives a user one policy.
func (c *Client) Grant(ctx context.Context, user, policy string) error {
	return c.put(ctx, "give policy "+policy+" to user "+user, "set-user-or-group-policy",
		url.Values{"policyName": {policy}, "userOrGroup": {user}, "isGroup": {"false"}}, nil)
}

// SetEnabled revokes a user's access key, or lets it be used again.
func (c *Client) SetEnabled(ctx context.Context, user string, enabled bool) error {
	status := "disabled"
	if enabled {
		status = "enabled"
	}
	return c.put(ctx, "make user "+user+" "+status, "set-user-status", url.Values{"accessKey": {user}, "status": {status}}, nil)
}

func (c *Client) put(ctx context.Context, what, call string, query url.Values, body []byte) error {
	address := url.URL{Scheme: "http", Host: c.as.FromHost, Path: root + call, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, address.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	sum := sha256.Sum256(body)
	request.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	answer, err := c.http.Do(signer.SignV4(*request, c.as.User, c.as.Secret, "", ""))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
	return fmt.Errorf("%s: %w", what, refusal(answer, said))
}

// refused is what the server says of a call that it did not do.
type refused struct {
	status     int
	code, text string
}

func (r *refused) Error() string { return r.text }

func refusal(answer *http.Response, said []byte) error {
	var body struct{ Code, Message string }
	if json.Unmarshal(said, &body) == nil && body.Code != "" {
		return &refused{answer.StatusCode, body.Code, body.Code + ": " + body.Message}
	}
	return &refused{status: answer.StatusCode, text: answer.Status}
}

// NotYet reports whether the server refused a call because it still starts: it
// answers health probes, and makes buckets, before it knows its users, and may
// forget a policy or a user that it took before it had read those of its disk.
func NotYet(err error) bool {
	var r *refused
	return errors.As(err, &r) && (r.status == http.StatusServiceUnavailable ||
		r.code == "XMinioAdminNoSuchPolicy" || r.code == "XMinioAdminNoSuchUser")
}

const (
	saltSize    = 32
	pbkdf2Gcm   = 2 // which of the ways to derive and encrypt was taken
	pbkdf2Times = 8192
)

// seal encrypts text for the server, which knows the administrator's secret:
// salt, way, nonce, and what MinIO's sealed streams are made of.
func seal(secret string, text []byte) ([]byte, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails: documented since Go 1.24
	key, err := pbkdf2.Key(sha256.New, secret, salt, pbkdf2Times, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	stream, err := sio.AES_256_GCM.Stream(key)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	nonce := make([]byte, stream.NonceSize())
	_, _ = rand.Read(nonce)
	out := bytes.NewBuffer(append(append(salt, pbkdf2Gcm), nonce...))
	to := stream.EncryptWriter(out, nonce, nil)
	_, err = to.Write(text)
	if err = errors.Join(err, to.Close()); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return out.Bytes(), nil
}
