package build

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Where a Dockerfile of a recipe finds what the builder knows about this
// machine. It copies host/ there, and removes it before the final stage.
const hostMount = "/run/build"

// bundles are the places of the certificate bundle in the distributions.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// hostFiles is how this machine reaches package registries, as files for the
// build context: its certificates, apt's and pip's settings. None of it ends in
// an image, and none of it is part of an image's hash.
func (b *Builder) hostFiles() (map[string][]byte, error) {
	b.hostOnce.Do(func() {
		b.host, b.hostErr = readHost()
	})
	return b.host, b.hostErr
}

func readHost() (map[string][]byte, error) {
	files := map[string][]byte{}
	hasCA := false
	for _, file := range bundles {
		data, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
		files["host/ca.crt"], hasCA = data, true
		break
	}
	// Neither tool has to be there: then there is nothing to pass on.
	apt, _ := exec.Command("apt-config", "dump").Output()
	pip := pipConfig()
	files["host/apt.conf"] = []byte(aptConf(string(apt), hasCA))
	files["host/env.sh"] = []byte(envScript(pipSettings(string(pip)), hasCA))
	return files, nil
}

// pipConfig is what pip says of its settings, under whichever name it is there.
func pipConfig() []byte {
	for _, pip := range [][]string{{"pip"}, {"pip3"}, {"python3", "-m", "pip"}} {
		if out, err := exec.Command(pip[0], append(pip[1:], "config", "list")...).Output(); err == nil {
			return out
		}
	}
	return nil
}

var aptAcquire = regexp.MustCompile(`^Acquire::(http|https|ftp)(::|\s)`)

// aptConf keeps what `apt-config dump` says about how to reach mirrors.
func aptConf(dump string, hasCA bool) string {
	var out strings.Builder
	for line := range strings.Lines(dump) {
		line = strings.TrimSpace(line)
		if aptAcquire.MatchString(line) && !strings.Contains(line, "::CAInfo") && !strings.HasSuffix(line, `"";`) {
			out.WriteString(line + "\n")
		}
	}
	if hasCA {
		fmt.Fprintf(&out, "Acquire::https::CAInfo %q;\n", hostMount+"/ca.crt")
	}
	return out.String()
}

var pipSetting = regexp.MustCompile(`^(?::env:|global|install|download)\.([a-z-]+)='(.*)'$`)

// pipSettings reads `pip config list`; what comes later wins.
func pipSettings(list string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(list) {
		if m := pipSetting.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			out[m[1]] = m[2]
		}
	}
	return out
}

// envScript sets what pip and uv need to reach the same index as this machine's
// pip does. Folders of this machine mean nothing in a container and are left out.
func envScript(pip map[string]string, hasCA bool) string {
	var out strings.Builder
	set := func(value string, names ...string) {
		for _, name := range names {
			fmt.Fprintf(&out, "export %s=%s\n", name, shellQuote(value))
		}
	}
	if hasCA {
		set(hostMount+"/ca.crt", "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
	}
	for _, s := range []struct {
		key   string
		names []string
	}{
		{"index-url", []string{"PIP_INDEX_URL", "UV_DEFAULT_INDEX"}},
		{"extra-index-url", []string{"PIP_EXTRA_INDEX_URL", "UV_INDEX"}},
		{"trusted-host", []string{"PIP_TRUSTED_HOST", "UV_INSECURE_HOST"}},
		{"proxy", []string{"PIP_PROXY", "HTTPS_PROXY", "HTTP_PROXY"}},
		{"default-timeout", []string{"PIP_DEFAULT_TIMEOUT", "UV_HTTP_TIMEOUT"}},
		{"timeout", []string{"PIP_DEFAULT_TIMEOUT", "UV_HTTP_TIMEOUT"}},
	} {
		if value := pip[s.key]; value != "" && !filepath.IsAbs(value) {
			set(strings.Join(strings.Fields(strings.ReplaceAll(value, `\n`, " ")), " "), s.names...)
		}
	}
	return out.String()
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
