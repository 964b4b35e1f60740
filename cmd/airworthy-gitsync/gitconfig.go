package main

import (
	"errors"
	"fmt"
	"strings"
)

// gitConfig reads key:value pairs separated by commas. Keys and values may be
// quoted; in quotes and in bare values \n \t \" \, and \\ are escapes.
func gitConfig(text string) ([][2]string, error) {
	var pairs [][2]string
	p := &source{rest: text}
	for p.skip(); p.rest != ""; p.skip() {
		key, err := p.word(":", false)
		if err != nil {
			return nil, err
		}
		if !p.take(':') {
			return nil, fmt.Errorf("%q has no value: write key:value", key)
		}
		value, err := p.word(",", true)
		if err != nil {
			return nil, err
		}
		if key == "" {
			return nil, errors.New("a key is empty")
		}
		pairs = append(pairs, [2]string{key, value})
		if p.skip(); p.rest != "" && !p.take(',') {
			return nil, fmt.Errorf("%q follows a value: separate pairs by commas", p.rest)
		}
	}
	return pairs, nil
}

// source is what is left to read.
type source struct{ rest string }

func (p *source) skip() { p.rest = strings.TrimLeft(p.rest, " ") }

func (p *source) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// word reads a quoted word, or a bare one up to one of the stops.
func (p *source) word(stops string, escapes bool) (string, error) {
	p.skip()
	quoted := p.take('"')
	var b strings.Builder
	for p.rest != "" {
		c := p.rest[0]
		switch {
		case quoted && c == '"':
			p.rest = p.rest[1:]
			return b.String(), nil
		case !quoted && strings.IndexByte(stops, c) >= 0:
			return strings.TrimSpace(b.String()), nil
		case c == '\\' && (quoted || escapes):
			if len(p.rest) < 2 {
				return "", errors.New("a backslash ends the text")
			}
			replaced, ok := map[byte]byte{'n': '\n', 't': '\t', '"': '"', ',': ',', '\\': '\\'}[p.rest[1]]
			if !ok {
				return "", fmt.Errorf("\\%c is not an escape", p.rest[1])
			}
			b.WriteByte(replaced)
			p.rest = p.rest[2:]
		default:
			b.WriteByte(c)
			p.rest = p.rest[1:]
		}
	}
	if quoted {
		return "", errors.New("a quote is not closed")
	}
	return strings.TrimSpace(b.String()), nil
}
