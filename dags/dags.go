// Package dags carries the DAG files that checks run. Each file defines one
// DAG whose id is the file's name without .py, and runs on Airflow 2 and 3.
package dags

import "embed"

// FS holds the DAG files.
//
//go:embed *.py
var FS embed.FS
