package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/getsops/sops/v3/decrypt"
	"go.yaml.in/yaml/v3"
)

// sealed is what a file says of its own encryption.
type sealed struct {
	SOPS *struct {
		Age []struct {
			Recipient string `yaml:"recipient"`
		} `yaml:"age"`
	} `yaml:"sops"`
}

// encrypted is how SOPS writes an encrypted text.
const encrypted = "ENC["

// read returns the values of one file, and those texts that were encrypted.
func read(file, key string) (map[string]any, []string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("read values: %w", err)
	}
	var raw map[string]any
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return nil, nil, fmt.Errorf("read values %s: %s: it must be one mapping in YAML", file, strings.Join(strings.Fields(err.Error()), " "))
	}
	var about sealed
	if err := yaml.Unmarshal(data, &about); err != nil {
		return nil, nil, fmt.Errorf("read values %s: its sops section is none of SOPS: %w", file, err)
	}
	if about.SOPS == nil {
		return raw, nil, nil
	}
	clear, err := open(file, data, key, about)
	if err != nil {
		return nil, nil, err
	}
	return clear, secrets(raw, clear), nil
}

// open decrypts. What SOPS itself says of a key that does not fit is a page of
// text for every key service that it knows; the cause is one of a few.
func open(file string, data []byte, key string, about sealed) (map[string]any, error) {
	var recipients []string
	for _, r := range about.SOPS.Age {
		recipients = append(recipients, r.Recipient)
	}
	whom := strings.Join(recipients, ", ")
	switch {
	case len(recipients) == 0:
		return nil, fmt.Errorf("decrypt values %s: it is encrypted for no age recipient: encrypt it for one (sops --age)", file)
	case key == "":
		return nil, fmt.Errorf("decrypt values %s: it is encrypted for %s and there is no key: name the file of its identity in platform.ageKey", file, whom)
	}
	if err := os.Setenv("SOPS_AGE_KEY_FILE", key); err != nil {
		return nil, err
	}
	clear, err := decrypt.Data(data, "yaml")
	if err != nil {
		if strings.Contains(err.Error(), "integrity") {
			return nil, fmt.Errorf("decrypt values %s: it was changed after it was encrypted (its MAC differs): change it with sops alone", file)
		}
		if strings.Contains(err.Error(), "data key") {
			return nil, fmt.Errorf("decrypt values %s: no identity in %s fits its recipient %s: give the right file in platform.ageKey", file, key, whom)
		}
		return nil, fmt.Errorf("decrypt values %s: %w", file, err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(clear, &values); err != nil {
		// The error may quote the text.
		return nil, errors.New("decrypt values " + file + ": what was encrypted is no mapping in YAML")
	}
	return values, nil
}

// secrets lists the texts of clear that are encrypted in raw.
func secrets(raw, clear any) []string {
	var out []string
	switch sealed := raw.(type) {
	case map[string]any:
		open, _ := clear.(map[string]any)
		for key, below := range sealed {
			out = append(out, secrets(below, open[key])...)
		}
	case []any:
		open, _ := clear.([]any)
		for i, below := range sealed {
			if i < len(open) {
				out = append(out, secrets(below, open[i])...)
			}
		}
	case string:
		if text, ok := clear.(string); ok && strings.HasPrefix(sealed, encrypted) && text != "" {
			out = append(out, text)
		}
	}
	return out
}
