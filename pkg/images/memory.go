package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// memory is images.json: where the images in the engine came from, which the
// engine cannot tell for what was loaded or built. It is a hint alone: the
// engine is asked whether an image is there, and is the same.
type memory struct {
	path string // "" for none

	mu      sync.Mutex
	entries map[Ref]remembered
	trouble error // why the file could not be read
}

// remembered is one image of an earlier run.
type remembered struct {
	Resolution
	// Recipe and Hash are the recipe that built it.
	Recipe string `json:"recipe,omitempty"`
	Hash   string `json:"hash,omitempty"`
	// Bundle is the file that it was loaded from.
	Bundle string `json:"bundle,omitempty"`
}

func openMemory(dir string) *memory {
	m := &memory{}
	if dir == "" {
		m.entries = map[Ref]remembered{}
		return m
	}
	m.path = filepath.Join(dir, "images.json")
	m.entries, m.trouble = readMemory(m.path)
	return m
}

func readMemory(path string) (map[Ref]remembered, error) {
	entries := map[Ref]remembered{}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return entries, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &entries)
	}
	if err != nil {
		return map[Ref]remembered{}, fmt.Errorf("read %s: %w", path, err)
	}
	if entries == nil { // the file said null
		entries = map[Ref]remembered{}
	}
	return entries, nil
}

func (m *memory) get(ref Ref) (remembered, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[ref]
	return e, ok
}

// put keeps an entry, beside what other processes have written meanwhile.
func (m *memory) put(e remembered) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[e.Ref] = e
	if m.path == "" {
		return nil
	}
	unlock, err := m.lock()
	if err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	defer unlock()
	current, err := readMemory(m.path)
	if err != nil {
		current = m.entries
	}
	current[e.Ref] = e
	data, err := json.MarshalIndent(current, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	return writeFile(m.path, append(data, '\n'))
}

// lock keeps other processes from putting at the same time: what one read before
// the other wrote would be lost. It is held for as long as a file is written.
func (m *memory) lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(m.path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(m.path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back
}

// writeFile replaces a file in one step, so that no reader sees half of it.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
