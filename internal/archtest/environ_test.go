package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// readers are the functions of package os that read the environment's
// variables, the folders of the user among them.
var readers = []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv", "UserHomeDir", "UserCacheDir", "UserConfigDir"}

// environAllowed are the uses that hand the environment on to a child process
// without reading a variable: function and folder, with the reason.
var environAllowed = map[string]string{
	"Environ pkg/engine":       "apt and dockerd get the proxy settings of the person who runs airworthy",
	"Environ pkg/images/build": "go and debootstrap get the proxy settings and caches of the person who runs airworthy",
}

func TestNothingBelowCmdReadsTheEnvironment(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if name == "cmd" || name == "out" || (name != "." && strings.HasPrefix(entry.Name(), ".")) || entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		test := strings.HasSuffix(name, "_test.go")
		if !strings.HasSuffix(name, ".go") || (test && !strings.HasPrefix(name, "suites/")) {
			return nil
		}
		for _, use := range environUses(t, path, nil) {
			if !allowed(use.function, name) {
				t.Errorf("%s:%d calls os.%s: nothing below cmd/ reads the environment's variables; let cmd read it and pass it on in the options", name, use.line, use.function)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func allowed(function, file string) bool {
	for entry := range environAllowed {
		what, folder, _ := strings.Cut(entry, " ")
		if what == function && strings.HasPrefix(file, folder+"/") {
			return true
		}
	}
	return false
}

type use struct {
	function string
	line     int
}

// environUses finds where a file names a reader, also under another name of os.
func environUses(t *testing.T, path string, src any) []use {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parse %s: %v", path, err)
	}
	names := map[string]bool{}
	for _, i := range file.Imports {
		if imported, _ := strconv.Unquote(i.Path.Value); imported != "os" && imported != "syscall" {
			continue
		} else if i.Name != nil {
			names[i.Name.Name] = true
		} else {
			names[imported] = true
		}
	}
	var found []use
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok || !slices.Contains(readers, selector.Sel.Name) {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && names[x.Name] {
			found = append(found, use{selector.Sel.Name, files.Position(selector.Pos()).Line})
		}
		return true
	})
	return found
}

func TestEnvironUses(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"a call", "package p\nimport \"os\"\nvar _ = os.Getenv(\"X\")\n", "[{Getenv 3}]"},
		{"another name for os", "package p\nimport system \"os\"\nvar _, _ = system.LookupEnv(\"X\")\n", "[{LookupEnv 3}]"},
		{"as a value", "package p\nimport \"os\"\nvar look = os.LookupEnv\n", "[{LookupEnv 3}]"},
		{"a namesake", "package p\nimport \"os\"\nvar e env\nvar _ = e.Getenv(os.DevNull)\n", "[]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := fmt.Sprint(environUses(t, "p.go", test.src)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
