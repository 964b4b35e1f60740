package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	sopsyaml "github.com/getsops/sops/v3/stores/yaml"
)

// seal encrypts values as `sops --encrypt --age` does.
func seal(t *testing.T, recipient, values string) string {
	t.Helper()
	store := sopsyaml.NewStore(&config.YAMLStoreConfig{})
	branches, err := store.LoadPlainFile([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	key, err := sopsage.MasterKeyFromRecipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	tree := sops.Tree{Branches: branches, Metadata: sops.Metadata{
		KeyGroups: []sops.KeyGroup{{key}}, EncryptedRegex: "^(password|key)$", Version: "3.13.3",
	}}
	dataKey, errs := tree.GenerateDataKeyWithKeyServices([]keyservice.KeyServiceClient{keyservice.NewLocalClient()})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if err := common.EncryptTree(common.EncryptTreeOpts{DataKey: dataKey, Tree: &tree, Cipher: aes.NewCipher()}); err != nil {
		t.Fatal(err)
	}
	out, err := store.EmitEncryptedFile(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const plain = `
shared: &resources {limits: {cpu: "1"}}
taskPods: {resources: *resources}
scheduler: {resources: *resources}
admin: {user: somebody}
`

const secret = `
admin:
  password: open-sesame
  email: somebody@example.org
list:
  - {name: one, key: first-key}
`

func TestRun(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	sealed := seal(t, identity.Recipient().String(), secret)
	if strings.Contains(sealed, "open-sesame") || !strings.Contains(sealed, "somebody@example.org") {
		t.Fatalf("the test's own file is not encrypted as it should be:\n%s", sealed)
	}
	key, wrong := write(t, "key.txt", identity.String()), write(t, "wrong.txt", stranger.String())
	open, closed := write(t, "values.yaml", plain), write(t, "secrets.yaml", sealed)
	tampered := write(t, "tampered.yaml", strings.Replace(sealed, "somebody@example.org", "nobody@example.org", 1))

	var out bytes.Buffer
	if err := run(&out, key, []string{open, closed}); err != nil {
		t.Fatal(err)
	}
	var got output
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	limits := map[string]any{"limits": map[string]any{"cpu": "1"}}
	want := map[string]any{
		"shared": limits, "taskPods": map[string]any{"resources": limits}, "scheduler": map[string]any{"resources": limits},
		"admin": map[string]any{"user": "somebody", "password": "open-sesame", "email": "somebody@example.org"},
		"list":  []any{map[string]any{"name": "one", "key": "first-key"}},
	}
	if !reflect.DeepEqual(got.Values, want) {
		t.Errorf("values are %v\nwant       %v", got.Values, want)
	}
	slices.Sort(got.Secrets)
	if want := []string{"first-key", "open-sesame"}; !slices.Equal(got.Secrets, want) {
		t.Errorf("secrets are %q, want %q", got.Secrets, want)
	}

	for _, row := range []struct {
		name, key, file string
		want            []string
	}{
		{"no key", "", closed, []string{closed, identity.Recipient().String(), "platform.ageKey"}},
		{"another's key", wrong, closed, []string{closed, wrong, identity.Recipient().String(), "platform.ageKey"}},
		{"changed by hand", key, tampered, []string{tampered, "MAC differs", "sops"}},
		{"no mapping", key, write(t, "list.yaml", "- one\n"), []string{"list.yaml", "one mapping"}},
		{"no file", key, "nowhere.yaml", []string{"nowhere.yaml"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(&out, row.key, []string{row.file})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "open-sesame") || out.Len() > 0 {
				t.Errorf("error %q is not one line without a secret, or something was printed: %q", err, out.String())
			}
		})
	}
}
