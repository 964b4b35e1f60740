package harness

import "testing"

func TestFernet(t *testing.T) {
	// From the test vectors of the Fernet specification.
	const (
		key   = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
		token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
	)
	for _, tt := range []struct{ key, token, want, err string }{
		{key, token, "hello", ""},
		{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", token, "", "decrypt: it was signed with another key"},
		{"short", token, "", "decrypt: the key is not 32 bytes of url-safe base64"},
		{key, "", "", "decrypt: it is no Fernet token"},
		{key, "plain password", "", "decrypt: illegal base64 data at input byte 5"},
		{key, token[:len(token)-20], "", "decrypt: it is no Fernet token"},
	} {
		got, err := fernet(tt.key, tt.token)
		if said := ""; err != nil {
			if said = err.Error(); said != tt.err {
				t.Errorf("fernet(%q, %q) says %q, want %q", tt.key, tt.token, said, tt.err)
			}
		} else if got != tt.want || tt.err != "" {
			t.Errorf("fernet(%q, %q) is %q, want %q", tt.key, tt.token, got, tt.want)
		}
	}
}
