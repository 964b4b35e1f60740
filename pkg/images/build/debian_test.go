package build

import (
	"strings"
	"testing"
)

func TestThePublishedDebianGetsTheShapeOfDebootstraps(t *testing.T) {
	r := &recipe{Repository: "debian", Debootstrap: &debootstrap{Include: []string{"ca-certificates"}}}
	for _, tt := range []struct{ mirror, want string }{
		{"http://mirror.invalid/debian", "RUN mirror='http://mirror.invalid/debian'; "},
		{"", "RUN mirror=''; "},
	} {
		got := publishedDockerfile(r, "trixie", tt.mirror)
		for _, want := range []string{
			"FROM debian:trixie AS build\n", tt.want, `echo "deb $mirror trixie main" > /etc/apt/sources.list`,
			"install -qy --no-install-recommends apt ca-certificates", "FROM scratch\nCOPY --from=build / /\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%q lacks %q", got, want)
			}
		}
	}
}
