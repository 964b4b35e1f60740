package airflow

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// tokens holds the one token of a client. Only one goroutine asks for a new one
// at a time; the others wait for it as long as their context lasts.
type tokens struct {
	user, password string
	turn           chan struct{} // holds one element while nobody is at work
	value          string
	renewAt        time.Time // zero: the token does not say when it ends
	fixed          bool      // value was given, and stays
}

func newTokens(user, password string) *tokens {
	t := &tokens{user: user, password: password, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// get returns a token that has not expired.
func (t *tokens) get(ctx context.Context, c *caller) (string, error) {
	return t.use(ctx, c, func() bool {
		return t.value == "" || !t.renewAt.IsZero() && !time.Now().Before(t.renewAt)
	})
}

// renew returns another token than refused; a goroutine that comes second gets
// the one that the first has fetched.
func (t *tokens) renew(ctx context.Context, c *caller, refused string) (string, error) {
	return t.use(ctx, c, func() bool { return t.value == refused })
}

func (t *tokens) use(ctx context.Context, c *caller, stale func() bool) (string, error) {
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-t.turn:
	}
	defer func() { t.turn <- struct{}{} }()
	if !stale() {
		return t.value, nil
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	asked := time.Now()
	err := c.call(ctx, request{
		method: http.MethodPost, path: "/auth/token", open: true,
		body: map[string]string{"username": t.user, "password": t.password},
	}, &answer)
	if err != nil {
		return "", err
	}
	if answer.Token == "" {
		return "", errors.New("log in to Airflow: POST /auth/token answered without access_token")
	}
	t.value, t.renewAt = answer.Token, renewal(answer.Token, asked)
	return t.value, nil
}

// renewal is when a token that was asked for at asked should be replaced: a
// tenth of its life, at most 30 s, before its end. The life is counted from
// asked, because the server's clock may differ from ours.
func renewal(token string, asked time.Time) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Issued  float64 `json:"iat"`
		Expires float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Expires == 0 {
		return time.Time{}
	}
	life := time.Until(time.UnixMilli(int64(claims.Expires * 1000)))
	if claims.Issued != 0 {
		life = time.Duration((claims.Expires - claims.Issued) * float64(time.Second))
	}
	return asked.Add(life - min(life/10, 30*time.Second))
}

// Refused reports whether the server did not take the token: 401 when it has
// expired, 403 with this text when it was signed with another key, as after an
// api-server came back with a new one.
func Refused(err error) bool {
	var api *APIError
	if !errors.As(err, &api) {
		return false
	}
	return api.Status == http.StatusUnauthorized ||
		api.Status == http.StatusForbidden && api.Detail == "Invalid JWT token"
}
