package authority

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

func TestNew(t *testing.T) {
	made, err := New("an authority", "the-server")
	if err != nil {
		t.Fatal(err)
	}
	other, err := New("an authority", "the-server")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair([]byte(made.Cert), []byte(made.Key)); err != nil {
		t.Errorf("certificate and key do not belong together: %v", err)
	}
	block, _ := pem.Decode([]byte(made.Cert))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, host, ca, want string }{
		{"its name", "the-server", made.CA, ""},
		{"this machine", "127.0.0.1", made.CA, ""},
		{"another name", "another", made.CA, "not another"},
		{"an address of the network", "172.18.0.3", made.CA, "172.18.0.3"},
		{"another authority of the same name", "the-server", other.CA, "signed by unknown authority"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM([]byte(tc.ca))
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: tc.host})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
