package gitserver

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/airworthy/airworthy/pkg/service"
)

// identity is everything that one server and its clients are given. It is made
// before the server runs: what is to be installed can then be rendered.
type identity struct {
	git             service.Git
	hostKey         string // private, PEM
	deploy, admin   string // public, as in authorized_keys
	tlsCert, tlsKey string // PEM
}

// certLife is longer than any run and short enough to be of no use later.
const certLife = 7 * 24 * time.Hour

func newIdentity(name string) (identity, error) {
	var (
		id  identity
		err error
	)
	if id.hostKey, id.git.HostKey, err = sshKey("host of " + name); err != nil {
		return id, err
	}
	if id.git.Key, id.deploy, err = sshKey("deploy"); err != nil {
		return id, err
	}
	if id.git.AdminKey, id.admin, err = sshKey("admin"); err != nil {
		return id, err
	}
	id.git.User, id.git.Token = "deploy", rand.Text()+rand.Text()
	id.git.CA, id.tlsCert, id.tlsKey, err = certificates(name)
	return id, err
}

func sshKey(comment string) (private, public string, err error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make an SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return "", "", fmt.Errorf("encode an SSH key: %w", err)
	}
	signer, err := ssh.NewPublicKey(pub)
	if err != nil {
		return "", "", fmt.Errorf("encode an SSH key: %w", err)
	}
	return string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer))), nil
}

// certificates makes an authority and a certificate signed by it.
func certificates(name string) (authority, cert, key string, err error) {
	fail := func(err error) (string, string, string, error) {
		return "", "", "", fmt.Errorf("make the Git server's certificate: %w", err)
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "airworthy Git CA"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLife),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return fail(err)
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLife),
		DNSNames: []string{name, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, leafKey.Public(), caKey)
	if err != nil {
		return fail(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		return fail(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return encode("CERTIFICATE", caDER), encode("CERTIFICATE", leafDER), encode("PRIVATE KEY", keyDER), nil
}

// htpasswd is the line that Apache compares the token with. SHA-1 without salt
// is enough for a random token of 52 characters that lives as long as the run.
func htpasswd(user, token string) string {
	sum := sha1.Sum([]byte(token))
	return user + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
}
