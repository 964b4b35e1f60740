package evidence

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
)

func newRedactor(t *testing.T, secrets ...string) *Redactor {
	t.Helper()
	r, err := NewRedactor(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRedactorTakesOutKnownSecrets(t *testing.T) {
	const secret = `p@:/?#%"<x`
	tests := []struct{ name, text, want string }{
		{"as it is", `the word is p@:/?#%"<x.`, `the word is [redacted].`},
		{"twice in a row", secret + secret, `[redacted][redacted]`},
		{"query escaped", "u=p%40%3A%2F%3F%23%25%22%3Cx&v=1", "u=[redacted]&v=1"},
		{"query escaped in lower case", "u=p%40%3a%2f%3f%23%25%22%3cx&v=1", "u=[redacted]&v=1"},
		{"path escaped", "at " + url.PathEscape(secret) + " end", "at [redacted] end"},
		{"base64", "data " + base64.StdEncoding.EncodeToString([]byte(secret)) + " end", "data [redacted] end"},
		{"base64 for URLs", "data " + base64.URLEncoding.EncodeToString([]byte(secret)) + " end", "data [redacted] end"},
		{"JSON", `{"v":"p@:/?#%\"<x"}`, `{"v":"[redacted]"}`},
		{"JSON escaped for HTML", `{"v":"p@:/?#%\"\u003cx"}`, `{"v":"[redacted]"}`},
		{"ini file", `v is p@:/?#%%"<x end`, `v is [redacted] end`},
	}
	r := newRedactor(t, secret)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.Text(tt.text); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRedactorFindsASecretInsideLongerBase64(t *testing.T) {
	const secret = "correct horse battery"
	r := newRedactor(t, secret)
	for _, before := range []string{"", "p", "pg", "pg:", "postgresql://airflow:"} {
		long := base64.StdEncoding.EncodeToString([]byte(before + secret + "@host/db"))
		got := r.Text("connection: " + long)
		raw, _ := base64.StdEncoding.DecodeString(strings.ReplaceAll(strings.TrimPrefix(got, "connection: "), Redacted, "AAAA"))
		if !strings.Contains(got, Redacted) || strings.Contains(string(raw), "horse") {
			t.Errorf("after %q: got %s", before, got)
		}
	}
}

func TestRedactorTakesTheLongestSecretFirst(t *testing.T) {
	r := newRedactor(t, "abcdef", "abcdefghij", "ghijkl")
	if got := r.Text("1 abcdefghij 2 abcdef 3 abcdefghijkl"); got != "1 [redacted] 2 [redacted] 3 [redacted]kl" {
		t.Error(got)
	}
}

func TestRedactorFindsUnknownSecrets(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"password=", "host=db password=hunter2 sslmode=off", "host=db password=[redacted] sslmode=off"},
		{"quoted", `password = "hunter 2" x`, `password = "[redacted]" x`},
		{"environment", "AIRFLOW__DATABASE__PASSWORD=hunter2", "AIRFLOW__DATABASE__PASSWORD=[redacted]"},
		{"yaml", "password: hunter2\nhost: db", "password: [redacted]\nhost: db"},
		{"short in JSON", `{"password": "x1", "user": "a"}`, `{"password": "[redacted]", "user": "a"}`},
		{"JSON in a quoted text", `body "{\"password\": \"hunter2\"}"`, `body "{\"password\": \"[redacted]\"}"`},
		{"connection", "postgresql+psycopg2://airflow:hunter2@db:5432/airflow", "postgresql+psycopg2://airflow:[redacted]@db:5432/airflow"},
		{"connection with @", "redis://:a@b@cache/0 ok", "redis://:[redacted]@cache/0 ok"},
		{"two connections", "a://u:p@h,b://v:q@i", "a://u:[redacted]@h,b://v:[redacted]@i"},
		{"bearer", "curl -H 'X: Bearer abcdefghijklmnop1234'", "curl -H 'X: Bearer [redacted]'"},
		{"header", "Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"},
		{"token anywhere", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl!", "got [redacted]!"},
		{"AWS key id", "id AKIAIOSFODNN7EXAMPLE.", "id [redacted]."},
		{"AWS secret key", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = [redacted]"},
		{"signed URL", "http://s3/b/k?X-Amz-Credential=AK%2Fx&X-Amz-Signature=0a1b&x=1", "http://s3/b/k?X-Amz-Credential=[redacted]&X-Amz-Signature=[redacted]&x=1"},
		{"key file", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nx", "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\nx"},
	}
	r := newRedactor(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := r.Text(tt.text)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if again := r.Text(got); again != got {
				t.Errorf("redacted again: %s", again)
			}
		})
	}
}

func TestRedactorLeavesHarmlessTextsAlone(t *testing.T) {
	r := newRedactor(t)
	for _, text := range []string{
		"automountServiceAccountToken: false",
		"secretKeyRef:\n  name: airflow-metadata\n  key: connection",
		"secretName: airflow-fernet-key",
		`secret "airflow-metadata" not found`,
		"ERROR - invalid token: expired",
		"password: ${PASSWORD}",
		"password=",
		"http://localhost:8080/api/v2/dags?owner=a@b",
		"bearer authentication failed",
		"s3://airflow-logs/dag_id=a/run_id=b/task_id=c/attempt=1.log",
		"kubectl get pods -n airflow",
	} {
		if got := r.Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestRedactorRefusesShortSecrets(t *testing.T) {
	r, err := NewRedactor("", "longenough", "abc")
	if !errors.Is(err, ErrShortSecret) {
		t.Fatalf("error is %v", err)
	}
	const want = "secret is too short to be redacted: number 3 has 3 characters, choose one of 6 or more"
	if err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
	if got := r.Text("abc longenough"); got != "abc [redacted]" {
		t.Errorf("got %q", got)
	}
	if _, err := NewRedactor("redacted"); err == nil || strings.Contains(err.Error(), "number 1 is part of") == false {
		t.Errorf("a secret within the marker: %v", err)
	}
}

func TestRedactorKeepsJSON(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a known secret", `{"b":"x hunter2x y","a":[1,"hunter2x"]}`, `{"b":"x [redacted] y","a":[1,"[redacted]"]}`},
		{"a key that tells", `{"password": "x", "token": "", "n": null, "secret": {"name": "a"}}`, `{"password": "[redacted]", "token": "", "n": null, "secret": {"name": "a"}}`},
		{"a key that tells, then others", `{"token":["a","b"],"z":"c"}`, `{"token":["a","b"],"z":"c"}`},
		{"a secret as a key", `{"hunter2x": 1}`, `{"[redacted]": 1}`},
		{"a number", `{"port": 5432, "pin": 12345678}`, `{"port": 5432, "pin": "[redacted]"}`},
		{"escapes", `{"a":"\u0068unter2x","b":"\u003c"}`, `{"a":"[redacted]","b":"\u003c"}`},
		{"not JSON", `{"a": hunter2x`, `{"a": [redacted]`},
	}
	r := newRedactor(t, "hunter2x", "12345678")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(r.JSON([]byte(tt.text))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func FuzzRedactorLetsNoSecretThrough(f *testing.F) {
	f.Add("hunter2hunter2", "before ", " after", 3)
	f.Add("[redact", "x [r", "ed] ", 1)
	f.Add("a\nb\ncdef", "line\n", "\nline", 2)
	f.Add("password=x", "password=", "", 5)
	f.Add("aaaaaaa", "aaa", "aaaa", 4)
	f.Add("\n\n\n\n\n\n", "\n", "\n\n", 1)
	f.Add("123456", `1`, `7`, 1)
	f.Fuzz(func(t *testing.T, secret, before, after string, size int) {
		r, err := NewRedactor(secret)
		if err != nil || secret == "" {
			t.Skip()
		}
		text := before + secret + after + "\n" + secret
		if got := r.Text(text); strings.Contains(got, secret) {
			t.Errorf("text %q became %q, which holds %q", text, got, secret)
		}
		var out sink
		w := r.Writer(&out, nil)
		for rest := text; rest != ""; {
			n := min(len(rest), max(1, size%17))
			if _, err := w.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		// Where what replaces a secret completes another one across two lines
		// there is none: nobody wrote it. A secret without brackets cannot.
		if !strings.ContainsAny(secret, "[]") && strings.Contains(out.String(), secret) {
			t.Errorf("stream %q became %q, which holds %q", text, out.String(), secret)
		}
		data, err := json.Marshal(map[string]any{"list": []string{text, before}})
		if err != nil {
			t.Skip()
		}
		var back map[string][]string
		if err := json.Unmarshal(r.JSON(data), &back); err != nil {
			t.Fatalf("JSON %s became no JSON: %v", data, err)
		}
		for _, list := range back {
			if strings.Contains(strings.Join(list, "\x00"), secret) {
				t.Errorf("JSON %s became %v", data, back)
			}
		}
	})
}
