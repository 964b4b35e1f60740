package main

import (
	"fmt"
	"path/filepath"
)

// cacheDir is a folder below --cache, absolute, because other programs get it.
func (a *app) cacheDir(elem ...string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(append([]string{a.cache}, elem...)...))
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	return dir, nil
}

// stateDir is --state, absolute.
func (a *app) stateDir() (string, error) {
	dir, err := filepath.Abs(a.state)
	if err != nil {
		return "", fmt.Errorf("find the state directory: %w", err)
	}
	return dir, nil
}
