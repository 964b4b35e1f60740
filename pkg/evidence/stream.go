package evidence

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
)

// longestLine is how many bytes of a line without an end are held back, before
// what cannot be part of a secret any more is written.
const longestLine = 64 << 10

// Writer returns a writer that redacts what goes through it to w. A complete
// line is written at once, unless a secret of several lines may have begun in
// it; a secret may be split over calls of Write in any way. Close writes what
// is held back and closes w. It is safe for concurrent use. noticed may be nil;
// else it is told of each piece that held a known secret, as it came.
func (r *Redactor) Writer(w io.WriteCloser, noticed func(text []byte)) io.WriteCloser {
	return &stream{redactor: r, to: w, noticed: noticed}
}

type stream struct {
	redactor *Redactor
	to       io.WriteCloser
	noticed  func(text []byte)
	mu       sync.Mutex
	held     []byte
	inKey    bool // between the first and the last line of a key file
	closed   bool
}

// Write takes all of p, or gives the error of the writer below.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errors.New("write to a closed log")
	}
	s.held = append(s.held, p...)
	if end := s.ready(bytes.IndexByte(p, '\n') >= 0); end > 0 {
		if err := s.flush(end); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Close writes the rest and closes the writer below. A second call does nothing.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.flush(len(s.held)), s.to.Close())
}

// ready is how many of the bytes held can be written now.
func (s *stream) ready(newline bool) int {
	if newline {
		end := bytes.LastIndexByte(s.held, '\n') + 1
		if begun := s.redactor.begun(s.held[:end]); begun < end {
			// From the start of the line, so that the patterns see whole lines.
			end = bytes.LastIndexByte(s.held[:begun], '\n') + 1
		}
		if end > 0 {
			return end
		}
	}
	if len(s.held) <= longestLine+s.redactor.span() {
		return 0
	}
	end := len(s.held) - s.redactor.span()
	// The patterns see values up to the next blank: better not to cut one.
	if blank := bytes.LastIndexAny(s.held[:end], " \t,;&\n"); blank > end/2 {
		return blank + 1
	}
	return end
}

// flush writes the first end bytes held, and more where a secret goes on.
func (s *stream) flush(end int) error {
	out, n := s.redactor.literals(s.held, end)
	if s.noticed != nil && !bytes.Equal(out, s.held[:n]) {
		s.noticed(s.held[:n])
	}
	out = s.redactor.Bytes(s.keyFile(bytes.Clone(out)))
	s.held = append(s.held[:0], s.held[n:]...)
	if len(out) == 0 {
		return nil
	}
	_, err := s.to.Write(out)
	return err
}

// keyFile drops the lines of a key file whose begin and end come separately.
func (s *stream) keyFile(text []byte) []byte {
	if !s.inKey && !bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		return text
	}
	var out []byte
	for line := range bytes.Lines(text) {
		isEnd := bytes.Contains(line, []byte("-----END "))
		if !s.inKey || isEnd {
			out = append(out, line...)
		}
		begins := bytes.Contains(line, []byte("-----BEGIN ")) && bytes.Contains(line, []byte("PRIVATE KEY-----"))
		switch {
		case begins && !isEnd:
			out = append(out, Redacted+"\n"...)
			s.inKey = true
		case isEnd:
			s.inKey = false
		}
	}
	return out
}

// span is how far before the end of a text a secret may begin and not be complete.
func (r *Redactor) span() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.longest
}

// begun returns where a secret of several lines may have begun in text without
// being complete, and len(text) when nowhere.
func (r *Redactor) begun(text []byte) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	first := len(text)
	for _, form := range r.openings {
		for i := max(0, len(text)-len(form)+1); i < first; i++ {
			if text[i] == form[0] && strings.HasPrefix(form, string(text[i:])) {
				first = i
				break
			}
		}
	}
	return first
}
