// Package dags carries the DAG files that checks run. Each file defines one
// DAG whose id is the file's name without .py, and runs on Airflow 2 and 3.
package dags

import (
	"embed"
	"io/fs"
)

// FS holds the DAG files.
//
//go:embed *.py
var FS embed.FS

// Files gives every DAG file by name.
func Files() map[string]string {
	files := map[string]string{}
	entries, err := fs.ReadDir(FS, ".")
	if err != nil {
		panic(err) // an embedded file system that cannot be listed is a broken build
	}
	for _, entry := range entries {
		content, err := fs.ReadFile(FS, entry.Name())
		if err != nil {
			panic(err)
		}
		files[entry.Name()] = string(content)
	}
	return files
}
