package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// HeldError says that another process works on a stack.
type HeldError struct{ Name string }

func (e *HeldError) Error() string {
	return fmt.Sprintf("another airworthy works on the stack %s: wait for it", e.Name)
}

// Hold keeps other processes that share the state directory from bringing up,
// checking or breaking the stack of this name: each would take what the other
// has made for its own. The error is a *HeldError where one does already. The
// hold ends with the process, however that ends; release may be called twice.
func Hold(state, name string) (release func(), err error) {
	path := filepath.Join(state, "stacks", name+".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("hold the stack %s: %w", name, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hold the stack %s: %w", name, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = &HeldError{name}
		} else {
			err = fmt.Errorf("hold the stack %s: lock %s: %w", name, path, err)
		}
		return nil, errors.Join(err, f.Close())
	}
	return sync.OnceFunc(func() { _ = f.Close() }), nil // closing gives the lock up
}

// HoldAll holds every stack that was ever held under the state directory: while
// it lasts, none of them is brought up. The error is a *HeldError where another
// process holds one.
func HoldAll(state string) (release func(), err error) {
	locks, err := filepath.Glob(filepath.Join(state, "stacks", "*.lock"))
	if err != nil {
		return nil, fmt.Errorf("hold every stack: %w", err)
	}
	var all []func()
	release = func() {
		for _, one := range all {
			one()
		}
	}
	for _, lock := range locks {
		one, err := Hold(state, strings.TrimSuffix(filepath.Base(lock), ".lock"))
		if err != nil {
			release()
			return nil, err
		}
		all = append(all, one)
	}
	return release, nil
}
