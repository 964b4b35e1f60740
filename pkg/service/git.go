package service

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Git is one repository on a Git server: its addresses, and what clients need
// to be let in and to know whom they speak to. It holds secrets.
type Git struct {
	SSH      GitURL `json:"ssh"`
	HTTPS    GitURL `json:"https"`
	HostKey  string `json:"hostKey"`  // public key of the SSH server, such as ssh-ed25519 AAAA...
	Key      string `json:"key"`      // private deploy key, PEM: may read
	AdminKey string `json:"adminKey"` // private key, PEM: may write
	User     string `json:"user"`     // of HTTPS: may read
	Token    string `json:"token"`
	CA       string `json:"ca"` // certificate that the server's is signed by, PEM
}

// GitURL is the repository's address from the two sides.
type GitURL struct {
	FromHost string `json:"fromHost"`
	FromPod  string `json:"fromPod"`
}

// Other gives the URL of another repository on the same server, from pods.
func (u GitURL) Other(name string) GitURL {
	other := func(address string) string {
		return address[:strings.LastIndexByte(address, '/')+1] + name + ".git"
	}
	return GitURL{FromHost: other(u.FromHost), FromPod: other(u.FromPod)}
}

// KnownHosts is the line of ssh's known_hosts file for an address of SSH.
func (g Git) KnownHosts(address string) (string, error) { return KnownHosts(address, g.HostKey) }

// PodKnownHosts is that line for pods; empty before the server has a key.
func (g Git) PodKnownHosts() string {
	line, err := g.KnownHosts(g.SSH.FromPod)
	if err != nil || g.HostKey == "" {
		return ""
	}
	return line
}

// KnownHosts is the line of ssh's known_hosts file that says that the server of
// an ssh:// address has the key.
func KnownHosts(address, key string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return "", fmt.Errorf("make known_hosts for %q: it is no ssh:// address", address)
	}
	host := u.Hostname()
	if port := u.Port(); port != "" && port != "22" {
		host = "[" + host + "]:" + port
	} else if net.ParseIP(host) != nil && strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + " " + strings.TrimSpace(key) + "\n", nil
}

// Secrets lists what evidence must not hold. A private key's lines are listed
// one by one: a log or a JSON document breaks it elsewhere than the file does.
func (g Git) Secrets() []string {
	out := []string{g.Token}
	for _, key := range []string{g.Key, g.AdminKey} {
		for line := range strings.Lines(key) {
			// The last line is padding, and too short to be told from other text.
			if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") {
				out = append(out, line)
			}
		}
	}
	return out
}
