package build

import (
	"errors"
	"strings"
	"testing"
)

func TestAptConfKeepsHowMirrorsAreReached(t *testing.T) {
	dump := `APT::Architecture "amd64";
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::https::CAInfo "/somewhere/ca.pem";
Acquire::Languages "none";
`
	want := `Acquire::http::Proxy "http://proxy.example:3128";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::https::CAInfo "/run/build/ca.crt";
`
	if got := aptConf(dump, true); got != want {
		t.Errorf("apt.conf is\n%s\nwant\n%s", got, want)
	}
	if got := aptConf("APT::Architecture \"amd64\";\n", false); got != "" {
		t.Errorf("apt.conf is %q, want it empty", got)
	}
}

func TestEnvScript(t *testing.T) {
	list := `:env:.cert='/etc/ca.crt'
:env:.find-links='/opt/wheels'
global.index-url='https://user:it'\''s@mirror.example/simple'
global.extra-index-url='\nhttps://a.example/simple\nhttps://b.example/simple'
install.trusted-host='mirror.example'
`
	want := `export SSL_CERT_FILE='/run/build/ca.crt'
export PIP_CERT='/run/build/ca.crt'
export REQUESTS_CA_BUNDLE='/run/build/ca.crt'
export PIP_EXTRA_INDEX_URL='https://a.example/simple https://b.example/simple'
export UV_INDEX='https://a.example/simple https://b.example/simple'
export PIP_TRUSTED_HOST='mirror.example'
export UV_INSECURE_HOST='mirror.example'
`
	settings := pipSettings(list)
	delete(settings, "index-url")
	if got := envScript(settings, true); got != want {
		t.Errorf("env.sh is\n%s\nwant\n%s", got, want)
	}
	if got := envScript(pipSettings(""), false); got != "" {
		t.Errorf("env.sh is %q, want it empty", got)
	}
}

func TestPickMirror(t *testing.T) {
	for _, test := range []struct{ name, targets, want string }{
		{"the main archive", "Debian|Debian-Security|http://m.example/debian-security/\nDebian|Debian|http://m.example/debian/\nDebian|Debian|http://other.example/debian/\n", "http://m.example/debian"},
		{"before the first update", "||http://m.example/debian-security/\n||http://m.example/debian/\n", "http://m.example/debian"},
		{"another distribution", "Ubuntu|Ubuntu|http://m.example/ubuntu/\n", ""},
		{"nothing", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := pickMirror(test.targets); got != test.want {
				t.Errorf("mirror is %q, want %q", got, test.want)
			}
		})
	}
}

func TestTailKeepsTheLastLines(t *testing.T) {
	var seen []string
	out := &tail{next: func(line string) { seen = append(seen, line) }}
	for range 40 {
		if _, err := out.Write([]byte("progress 1%\rprogress 2%\n")); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = out.Write([]byte("boom"))
	err := out.wrap(errors.New("run make: exit status 2"))
	want := "run make: exit status 2; its last lines:\n" + strings.Repeat("  progress 2%\n  progress 1%\n", 14) + "  progress 2%\n  boom"
	// 30 lines, of which boom is the last and 29 alternate.
	if got := err.Error(); !strings.HasSuffix(got, "  progress 2%\n  boom") || strings.Count(got, "\n") != 30 {
		t.Errorf("error is\n%s\nwant an end like\n%s", got, want)
	}
	if len(seen) != 81 {
		t.Errorf("%d lines were handed on, want 81", len(seen))
	}
}

func TestReadMessages(t *testing.T) {
	out := &tail{}
	err := readMessages(strings.NewReader(`{"stream":"Step 1/2 : FROM scratch\n"}{"stream":"\u001b[91mE: no such package\u001b[0m\n"}{"errorDetail":{"code":100},"error":"the command returned a non-zero code: 100"}`), out)
	const want = "the command returned a non-zero code: 100; its last lines:\n  Step 1/2 : FROM scratch\n  E: no such package"
	if got := errText(out.wrap(err)); got != want {
		t.Errorf("error is %q, want %q", got, want)
	}
	if err := readMessages(strings.NewReader(`{"stream":"ok"}`), nil); err != nil {
		t.Error(err)
	}
	if err := readMessages(strings.NewReader(`{"stream":"ok"`), nil); err == nil {
		t.Error("an answer that is cut short is no success")
	}
}

func TestGoBuildArgs(t *testing.T) {
	m := &goModule{LDFlags: "-X a=b\n", Binaries: map[string]string{"kubelet": "k8s.io/x/cmd/kubelet", "kubectl": "k8s.io/x/cmd/kubectl", "etcd": "go.etcd.io/server/v3"}}
	const flags = "build -v -mod=readonly -buildvcs=false -trimpath -gcflags=all=-dwarf=false -ldflags -s -w -X a=b -o "
	want := []string{
		flags + "/out/etcd go.etcd.io/server/v3",
		flags + "/out/ k8s.io/x/cmd/kubelet k8s.io/x/cmd/kubectl",
	}
	var got []string
	for _, line := range goBuildArgs(m, []string{"kubelet", "etcd", "kubectl"}, "/out") {
		got = append(got, strings.Join(line, " "))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("command lines are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRenameScript(t *testing.T) {
	got := renameScript([]string{"registry.k8s.io/pause:3.10"}, []string{"airworthy.local/pause:3.10-0123"})
	want := "ctr -n k8s.io images tag 'airworthy.local/pause:3.10-0123' 'registry.k8s.io/pause:3.10'\nctr -n k8s.io images rm 'airworthy.local/pause:3.10-0123'\n"
	if got != want {
		t.Errorf("script is\n%s\nwant\n%s", got, want)
	}
}
