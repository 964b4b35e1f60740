// Command airworthy-values reads files of chart values, decrypts those that SOPS
// encrypted for age, lays them over each other, and prints the result as JSON.
// Nothing is written to a disk.
//
// It is a program and a module of its own: SOPS links the clients of every
// cloud's key service, which airworthy would otherwise carry through each run.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// output is what airworthy reads.
type output struct {
	Values map[string]any `json:"values"`
	// Secrets are the texts that were encrypted: no evidence may hold them.
	Secrets []string `json:"secrets"`
}

func main() {
	key := flag.String("age-key", "", "file of age identities that decrypt the files")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: airworthy-values [-age-key FILE] FILE...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, *key, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run reports all files that cannot be read at once.
func run(out io.Writer, key string, files []string) error {
	o := output{Values: map[string]any{}, Secrets: []string{}}
	var errs []error
	for _, file := range files {
		values, secrets, err := read(file, key)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		o.Values = merge(o.Values, values)
		o.Secrets = append(o.Secrets, secrets...)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(o)
}

// merge lays over onto base: mappings are merged, everything else is replaced.
// A null stays, since Helm takes a chart's own value away by it.
func merge(base, over map[string]any) map[string]any {
	for key, value := range over {
		if below, ok := value.(map[string]any); ok {
			if before, ok := base[key].(map[string]any); ok {
				base[key] = merge(before, below)
				continue
			}
		}
		base[key] = value
	}
	return base
}
