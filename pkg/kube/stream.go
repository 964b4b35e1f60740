package kube

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"time"
)

// lineCopier copies a log with timestamps to a writer and remembers how far it
// came, so that a second copy, of a log that is read again from about there,
// goes on without a gap and without a line twice.
type lineCopier struct {
	to         io.Writer
	timestamps bool // write them too

	last  time.Time // of the newest line written
	equal int       // how many lines written carry exactly last
	drop  int       // how many of those the present reading still has to skip
	cut   int       // bytes written of the last line, when it was cut off
	bytes int64     // written
}

// copy reads to the end. A line of any length passes through in pieces.
func (l *lineCopier) copy(from io.Reader) error {
	l.drop = l.equal
	in := bufio.NewReaderSize(from, 32<<10)
	for {
		stamp, at, err := readStamp(in)
		if err != nil {
			return endOf(err)
		}
		if err := l.line(in, stamp, at); err != nil {
			return endOf(err)
		}
	}
}

// line passes one line on, or skips it when it was written before.
func (l *lineCopier) line(in *bufio.Reader, stamp []byte, at time.Time) error {
	skip, again := 0, false // bytes of the line; whether its beginning was written before
	switch {
	case at.IsZero(): // no log line, such as a remark of the node's: pass it on
	case at.Before(l.last):
		skip = math.MaxInt
	case at.Equal(l.last) && l.drop > 0:
		l.drop--
		skip, again = math.MaxInt, true
		if l.drop == 0 && l.cut > 0 {
			skip = l.cut
		}
	case at.Equal(l.last):
		l.equal++
	default:
		l.last, l.equal, l.drop = at, 1, 0
	}
	if skip == 0 {
		l.cut = 0
	}
	if (l.timestamps || at.IsZero()) && !again && skip == 0 {
		if err := l.write(stamp); err != nil {
			return err
		}
	}
	if bytes.HasSuffix(stamp, []byte("\n")) {
		return nil
	}
	return l.body(in, skip)
}

// body passes on what follows the first skip bytes up to the end of the line,
// and keeps in cut how much of an unfinished line is written.
func (l *lineCopier) body(in *bufio.Reader, skip int) error {
	for {
		piece, err := in.ReadSlice('\n')
		fresh := piece[min(skip, len(piece)):]
		skip -= len(piece) - len(fresh)
		if len(fresh) > 0 {
			if err := l.write(fresh); err != nil {
				return err
			}
			l.cut += len(fresh)
			if fresh[len(fresh)-1] == '\n' {
				l.cut = 0
			}
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (l *lineCopier) write(piece []byte) error {
	n, err := l.to.Write(piece)
	l.bytes += int64(n)
	if err != nil {
		return &writeError{err}
	}
	return nil
}

// writeError tells trouble with the copy from trouble with the log.
type writeError struct{ err error }

func (e *writeError) Error() string { return "write the copy: " + e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// readStamp reads a line's timestamp with the blank after it. Where the line
// begins with something else, it returns what it read and a zero time.
func readStamp(in *bufio.Reader) ([]byte, time.Time, error) {
	const longest = len("2006-01-02T15:04:05.000000000+00:00 ")
	var stamp []byte
	for len(stamp) < longest {
		b, err := in.ReadByte()
		if err != nil {
			if len(stamp) > 0 && errors.Is(err, io.EOF) {
				break
			}
			return nil, time.Time{}, err
		}
		stamp = append(stamp, b)
		if b == ' ' || b == '\n' {
			break
		}
	}
	at, err := time.Parse(time.RFC3339Nano, string(bytes.TrimRight(stamp, " \n")))
	if err != nil {
		return stamp, time.Time{}, nil
	}
	return stamp, at, nil
}

func endOf(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
