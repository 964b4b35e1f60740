package stack

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/airworthy/airworthy/pkg/service"
)

// secrets of one stack, made anew each time it is made from nothing.
type secrets struct {
	admin, fernet, jwt, api, database, databaseAdmin, objectRoot, objectUser, logStore, connection string
	// What some of them are replaced by when they are rotated.
	nextFernet, nextJWT, nextAPI, nextObjectUser string
}

func newSecrets() secrets {
	return secrets{
		admin: rand.Text(), fernet: fernetKey(), jwt: rand.Text() + rand.Text(), api: rand.Text(),
		// A connection string has to quote these: a chart that forgets to is found out here.
		database:      rand.Text() + "@:/?#%",
		databaseAdmin: rand.Text(),
		objectRoot:    rand.Text(), objectUser: rand.Text(),
		logStore: rand.Text(), connection: rand.Text(),
		nextFernet: fernetKey(), nextJWT: rand.Text() + rand.Text(), nextAPI: rand.Text(), nextObjectUser: rand.Text(),
	}
}

// fernetKey makes 32 random bytes in the url-safe base64 that Fernet expects.
func fernetKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: documented since Go 1.24
	return base64.URLEncoding.EncodeToString(key)
}

func (s secrets) all() []string {
	return []string{
		s.admin, s.fernet, s.jwt, s.api, s.database, s.databaseAdmin, s.objectRoot, s.objectUser, s.logStore, s.connection,
		s.nextFernet, s.nextJWT, s.nextAPI, s.nextObjectUser,
	}
}

func withSecret(e service.Endpoint, user, secret string) service.Endpoint {
	e.User, e.Secret = user, secret
	return e
}
