package evidence

import (
	"bytes"
	"encoding/json"
	"strings"
)

// JSON returns a JSON text without secrets, as JSON: each string is decoded,
// redacted and encoded again, the order and all else stay. A text that is not
// JSON is redacted as text.
func (r *Redactor) JSON(text []byte) []byte {
	if !json.Valid(text) {
		return r.Bytes(text)
	}
	out := make([]byte, 0, len(text))
	key := "" // the object key whose value comes next
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end := stringEnd(text, i)
			value, isKey := r.jsonString(text[i:end], key), false
			if isKey = nextToken(text[end:]) == ':'; isKey {
				key = decoded(text[i:end])
				value = r.jsonString(text[i:end], "")
			} else {
				key = ""
			}
			out, i = append(out, value...), end
		case c == '-' || '0' <= c && c <= '9':
			end := i + 1
			for end < len(text) && strings.IndexByte("+-.eE0123456789", text[end]) >= 0 {
				end++
			}
			out, i = append(out, r.jsonNumber(text[i:end])...), end
		default:
			if c == ',' || c == '{' || c == '[' || c == '}' || c == ']' {
				key = ""
			}
			out, i = append(out, c), i+1
		}
	}
	return out
}

// stringEnd is the index after the JSON string that begins at i.
func stringEnd(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func nextToken(text []byte) byte {
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 {
		return 0
	}
	return text[0]
}

func decoded(literal []byte) string {
	var s string
	if json.Unmarshal(literal, &s) != nil {
		return ""
	}
	return s
}

// jsonString redacts one string literal, wholly when key says that it is a secret.
func (r *Redactor) jsonString(literal []byte, key string) []byte {
	value := decoded(literal)
	with := r.Text(value)
	if secretKey(key) && !harmless(value) {
		with = Redacted
	}
	if with == value {
		return literal
	}
	encoded, err := marshalJSON(with)
	if err != nil {
		return []byte(`"` + Redacted + `"`)
	}
	return bytes.TrimSuffix(encoded, []byte("\n"))
}

// jsonNumber turns a number that holds a secret into a redacted string.
func (r *Redactor) jsonNumber(number []byte) []byte {
	if r.Holds(number) {
		return []byte(`"` + Redacted + `"`)
	}
	return number
}

// secretKey reports whether an object key announces a secret value.
func secretKey(key string) bool {
	key = strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(key))
	for _, whole := range []string{"pwd", "secret", "token", "authorization"} {
		if key == whole {
			return true
		}
	}
	for _, end := range []string{
		"password", "passwd", "passphrase", "secretkey", "secretaccesskey", "privatekey", "fernetkey",
		"clientsecret", "jwtsecret", "apikey", "clientkeydata", "accesstoken", "refreshtoken", "idtoken",
	} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}
