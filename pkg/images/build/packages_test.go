package build

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"testing"
)

func TestDownloadsOfARecipe(t *testing.T) {
	const sum = "72ce31ee4f258427561cd12ea471401341c19dd74df77d064a25dfe58c84924d"
	r := recipe{
		Maven: map[string]map[string]string{"jars": {"org.example:tool:1.2:shaded": sum}},
		NPM:   map[string]map[string]string{"source": {"@scope/thing@0.0.3": "sha512-abc="}},
	}
	got, err := r.downloads()
	if err != nil || len(got) != 2 {
		t.Fatalf("downloads are %+v, %v", got, err)
	}
	if jar, thing := got[0], got[1]; jar.folder != "jars" || jar.file != "tool-1.2-shaded.jar" || thing.folder != "source" || thing.file != "thing-0.0.3.tgz" {
		t.Errorf("files are %s/%s and %s/%s", jar.folder, jar.file, thing.folder, thing.file)
	}
	url, err := got[0].url(t.Context())
	if want := "/org/example/tool/1.2/tool-1.2-shaded.jar"; err != nil || !strings.HasSuffix(url, want) {
		t.Errorf("the jar is fetched from %s (%v), want ...%s", url, err, want)
	}
	url, err = got[1].url(t.Context())
	if want := "/@scope/thing/-/thing-0.0.3.tgz"; err != nil || !strings.HasSuffix(url, want) {
		t.Errorf("the package is fetched from %s (%v), want ...%s", url, err, want)
	}
}

func TestRecipeRefusesPackagesWithoutSums(t *testing.T) {
	files := tree()
	files["app/recipe.yaml"] = file("repository: a\ntags: [x]\nmaven: {jars: {a:b: x}}\nnpm: {source: {thing@1: x}}\n")
	_, err := New(Options{Recipes: files, Source: source()}).Hash("example/node:v1")
	for _, want := range []string{
		`recipe app: maven: "a:b" needs GROUP:ARTIFACT:VERSION[:CLASSIFIER] and the SHA-256 of the jar, got "x"`,
		`recipe app: npm: "thing@1" needs NAME@VERSION and its integrity, sha512-..., got "x"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

func TestFetchChecksTheSum(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		_, _ = w.Write([]byte("hello"))
	}))
	defer server.Close()
	const right = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	at := func(sum string) download {
		d, err := mavenDownload("jars", "g:a:1", sum)
		if err != nil {
			t.Fatal(err)
		}
		d.url = fixed(server.URL + "/a-1.jar")
		return d
	}
	cache := t.TempDir()
	for range 2 { // the second time from the cache
		got, err := at(right).fetch(t.Context(), cache)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(got); err != nil || string(data) != "hello" || !strings.HasSuffix(path.Base(got), "-a-1.jar") {
			t.Errorf("%s holds %q, %v", got, data, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked the registry %d times, want once", asked)
	}
	if _, err := at(strings.Repeat("0", 64)).fetch(t.Context(), cache); err == nil || !strings.Contains(err.Error(), right) {
		t.Errorf("a wrong sum gives %v", err)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 1 {
		t.Errorf("the cache holds %v, %v", left, err)
	}
}

func fixed(url string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return url, nil }
}

func TestMavenMirror(t *testing.T) {
	settings := func(mirrors string) []byte {
		return []byte(`<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0"><mirrors>` + mirrors + `</mirrors></settings>`)
	}
	for _, row := range []struct{ name, mirrors, want string }{
		{"none", "", ""},
		{"of central", "<mirror><mirrorOf>central</mirrorOf><url>https://maven.example/central/</url></mirror>", "https://maven.example/central"},
		{"of everything", "<mirror><mirrorOf>*</mirrorOf><url>https://maven.example/all</url></mirror>", "https://maven.example/all"},
		{"of everything else", "<mirror><mirrorOf>*,!central</mirrorOf><url>https://maven.example/all</url></mirror>", ""},
		{"of another", "<mirror><mirrorOf>team</mirrorOf><url>https://maven.example/team</url></mirror>", ""},
		{"blocked", "<mirror><mirrorOf>external:http:*</mirrorOf><url>http://0.0.0.0/</url><blocked>true</blocked></mirror>", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := mavenMirror(settings(row.mirrors)); err != nil || got != row.want {
				t.Errorf("got %q (%v), want %q", got, err, row.want)
			}
		})
	}
}
