package gitserver

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/internal/authority"
)

// identity is everything that one server and its clients are given. It is made
// before the server runs: what is to be installed can then be rendered.
type identity struct {
	git             service.Git
	hostKey         string // private, PEM
	deploy, admin   string // public, as in authorized_keys
	tlsCert, tlsKey string // PEM
}

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
	tls, err := authority.New("airworthy Git CA", name)
	id.git.CA, id.tlsCert, id.tlsKey = tls.CA, tls.Cert, tls.Key
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

// htpasswd is the line that Apache compares the token with. SHA-1 without salt
// is enough for a random token of 52 characters that lives as long as the run.
func htpasswd(user, token string) string {
	sum := sha1.Sum([]byte(token))
	return user + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
}
