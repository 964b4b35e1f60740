package airflowtest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

type claims struct {
	Subject string  `json:"sub"`
	ID      string  `json:"jti"`
	Expires int64   `json:"exp"`
	Issued  float64 `json:"iat"`
}

// ExpireTokens makes every token issued so far an expired one: 401.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = time.Now()
}

// RotateKey makes every token issued so far an invalid one: 403, as after an
// api-server came back with another secret.
func (s *Server) RotateKey() {
	key := make([]byte, 64)
	_, _ = rand.Read(key) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

// TokensIssued is how many logins succeeded.
func (s *Server) TokensIssued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var body struct {
		User     string `json:"username"`
		Password string `json:"password"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.User != User || body.Password != Password {
		fail(w, http.StatusUnauthorized, "Invalid credentials")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued++
	now := time.Now()
	payload, _ := json.Marshal(claims{
		Subject: User, ID: uuid(), Issued: float64(now.UnixMicro()) / 1e6, Expires: now.Add(s.cfg.TokenLife).Unix(),
	})
	head := encode([]byte(`{"alg":"HS512","typ":"JWT"}`)) + "." + encode(payload)
	reply(w, http.StatusCreated, map[string]string{"access_token": head + "." + encode(s.sign(head))})
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (s *Server) sign(text string) []byte {
	mac := hmac.New(sha512.New, s.key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func (s *Server) authorized(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !bearer {
			fail(w, http.StatusUnauthorized, "Not authenticated")
			return
		}
		if status, why := s.check(token); why != "" {
			fail(w, status, why)
			return
		}
		next(w, r)
	})
}

// check returns why a token is refused.
func (s *Server) check(token string) (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	head, signature, _ := cutLast(token)
	if !hmac.Equal([]byte(signature), []byte(encode(s.sign(head)))) {
		return http.StatusForbidden, "Invalid JWT token"
	}
	_, payload, _ := cutLast(head)
	raw, _ := base64.RawURLEncoding.DecodeString(payload)
	var c claims
	if json.Unmarshal(raw, &c) != nil {
		return http.StatusForbidden, "Invalid JWT token"
	}
	if time.Now().Unix() >= c.Expires || c.Issued <= float64(s.revoked.UnixMicro())/1e6 {
		return http.StatusUnauthorized, "Token Expired"
	}
	return 0, ""
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
