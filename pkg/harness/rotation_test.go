package harness

import (
	"maps"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

func TestNextKeys(t *testing.T) {
	at := platform.Keys{
		Fernet: platform.SecretKey{Secret: "keys", Key: "fernet"}, Signing: platform.SecretKey{Secret: "keys", Key: "jwt"},
		Session: platform.SecretKey{Secret: "keys", Key: "session"}, LogConnection: platform.SecretKey{Secret: "logs", Key: "connection"},
	}
	s := &Session{suite: &Suite{stack: standing.Stack{
		Release: platform.Release{Keys: &at},
		Next:    standing.Next{FernetKey: "new-fernet", JWTSecret: "new-jwt", APISecretKey: "new-api", ObjectUser: "next", ObjectSecret: "new-secret"},
	}}}
	old := keys{at.Fernet: "old-fernet", at.Signing: "old-jwt", at.Session: "old-api",
		at.LogConnection: `{"conn_type":"aws","login":"first","password":"old-secret","extra":{"region_name":"r"}}`}
	before := maps.Clone(old)
	got, err := s.nextKeys(old)
	want := keys{at.Fernet: "new-fernet,old-fernet", at.Signing: "new-jwt", at.Session: "new-api",
		at.LogConnection: `{"conn_type":"aws","extra":{"region_name":"r"},"login":"next","password":"new-secret"}`}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v\nwant %v", got, err, want)
	}
	if !maps.Equal(old, before) {
		t.Error("what shall be put back was changed")
	}
	if _, err := s.nextKeys(got); err == nil || !strings.Contains(err.Error(), "airworthy down") {
		t.Errorf("secrets that were left rotated are not told: %v", err)
	}
	old[at.LogConnection] = "aws://first:old-secret@"
	if _, err := s.nextKeys(old); err == nil || strings.Contains(err.Error(), "old-secret") {
		t.Errorf("a connection in another form: %v", err)
	}
	at.LogConnection = platform.SecretKey{}
	if got, err := s.nextKeys(old); err != nil || len(got) != 3 {
		t.Errorf("without a log store: %v, %v", got, err)
	}
}
