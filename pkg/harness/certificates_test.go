package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
)

func TestHeld(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(0xab)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for _, test := range []struct {
		file         []byte
		served, want string
	}{
		{file, "ab", "the one that is served"},
		{file, "ac", "number ab, which is not served"},
		{nil, "ab", "no certificate"},
	} {
		if got := held(test.file, test.served); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
