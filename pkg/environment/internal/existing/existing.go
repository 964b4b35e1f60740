// Package existing finds a cluster that is there already in a kubeconfig file.
package existing

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// FileError is a kubeconfig file that is missing or unreadable.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string {
	if errors.Is(e.Err, fs.ErrNotExist) {
		return fmt.Sprintf("kubeconfig %s does not exist", e.Path)
	}
	return fmt.Sprintf("read kubeconfig %s: %v", e.Path, e.Err)
}

// Unwrap gives the cause.
func (e *FileError) Unwrap() error { return e.Err }

// ContextError is a context that the kubeconfig file does not hold.
type ContextError struct {
	Path    string
	Context string   // the one that was asked for; "" for the current one
	Known   []string // those in the file, sorted
}

func (e *ContextError) Error() string {
	known := "it has none"
	if len(e.Known) > 0 {
		known = "it has " + strings.Join(e.Known, ", ")
	}
	if e.Context == "" {
		return fmt.Sprintf("kubeconfig %s has no current context (%s)", e.Path, known)
	}
	return fmt.Sprintf("kubeconfig %s has no context %q (%s)", e.Path, e.Context, known)
}

// Load reads one context of the file; "" is the current one. It returns the
// context's name and a kubeconfig for it alone, with the files that it refers
// to inside. Errors are a *FileError or a *ContextError.
func Load(path, context string) (name string, kubeconfig []byte, err error) {
	if _, err := os.Stat(path); err != nil {
		return "", nil, &FileError{path, err}
	}
	all, err := clientcmd.LoadFromFile(path)
	if err != nil {
		return "", nil, &FileError{path, err}
	}
	name = context
	if name == "" {
		name = all.CurrentContext
	}
	if name == "" || all.Contexts[name] == nil {
		return "", nil, &ContextError{Path: path, Context: name, Known: slices.Sorted(maps.Keys(all.Contexts))}
	}
	all.CurrentContext = name
	if err := clientcmd.ResolveLocalPaths(all); err != nil {
		return "", nil, &FileError{path, err}
	}
	if err := clientcmdapi.MinifyConfig(all); err != nil {
		return "", nil, &FileError{path, fmt.Errorf("context %s: %w", name, err)}
	}
	if err := clientcmdapi.FlattenConfig(all); err != nil {
		return "", nil, &FileError{path, fmt.Errorf("context %s: %w", name, err)}
	}
	kubeconfig, err = clientcmd.Write(*all)
	if err != nil {
		return "", nil, &FileError{path, err}
	}
	return name, kubeconfig, nil
}
