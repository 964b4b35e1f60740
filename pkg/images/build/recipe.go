package build

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// recipe says how one image is made. Paths are relative to the recipe's folder;
// ${TAG} stands for the tag that is asked for.
type recipe struct {
	Repository  string              `yaml:"repository"`  // upstream's, without docker.io
	Tags        []string            `yaml:"tags"`        // that can be built; * matches anything
	Version     string              `yaml:"version"`     // what is built, when it is not the tag
	Debootstrap *debootstrap        `yaml:"debootstrap"` // a Debian base; the tag is the suite
	Base        string              `yaml:"base"`        // reference of another recipe, given to the Dockerfile as BASE
	Dockerfile  string              `yaml:"dockerfile"`  // default Dockerfile
	Files       []string            `yaml:"files"`       // files and folders for the build context
	Args        map[string]string   `yaml:"args"`        // for the Dockerfile
	Binaries    map[string][]string `yaml:"binaries"`    // folder in the build context -> MODULE/BINARY below go/
	Modules     []moduleFiles       `yaml:"modules"`     // files taken from Go modules
	Preload     []string            `yaml:"preload"`     // images that the containerd inside holds

	// Files of package registries: folder in the build context -> package -> sum.
	// Left out of the hash where there are none, as it is older than they are.
	Maven map[string]map[string]string `yaml:"maven" json:",omitempty"` // GROUP:ARTIFACT:VERSION[:CLASSIFIER] -> SHA-256
	NPM   map[string]map[string]string `yaml:"npm" json:",omitempty"`   // NAME@VERSION -> sha512-BASE64

	// Note says in a sentence without its full stop how what is built differs
	// from what the name stands for. It goes into reports, and into no hash.
	Note string `yaml:"note" json:"-"`

	name string // of the folder
}

type debootstrap struct {
	Include []string `yaml:"include"` // packages beyond the minimal set
}

// moduleFiles takes files from a Go module at build time.
type moduleFiles struct {
	Module  string   `yaml:"module"`  // path@version
	Sum     string   `yaml:"sum"`     // as in go.sum
	From    string   `yaml:"from"`    // file or folder in the module
	To      string   `yaml:"to"`      // in the build context
	Without []string `yaml:"without"` // names below From that are left out
}

// goModule is a folder below go/: a module of nothing but requirements, whose
// files are called module.mod and module.sum, as go:embed passes over folders
// that are modules themselves.
type goModule struct {
	LDFlags  string            `yaml:"ldflags"`  // beside -s -w
	Tags     []string          `yaml:"tags"`     // build tags
	Source   string            `yaml:"source"`   // folder of this project that is laid into the module
	Binaries map[string]string `yaml:"binaries"` // name -> package
	Replace  []moduleFile      `yaml:"replace"`

	name string
}

// moduleFile is one file of a required Go module that another takes the place
// of, where it would bring in what takes minutes and nobody uses.
type moduleFile struct {
	Module string `yaml:"module"` // path, at the version of module.mod
	File   string `yaml:"file"`   // in the module
	With   string `yaml:"with"`   // in the folder of build.yaml
}

const goFolder = "go"

// load reads every recipe and Go module of the tree; all problems at once.
func load(tree fs.FS) (map[string]*recipe, map[string]*goModule, error) {
	recipes, modules := map[string]*recipe{}, map[string]*goModule{}
	if tree == nil {
		return recipes, modules, errors.New("no recipes were given")
	}
	var errs []error
	files, err := fs.Glob(tree, goFolder+"/*/build.yaml")
	errs = append(errs, err)
	for _, file := range files {
		m := &goModule{name: path.Base(path.Dir(file))}
		errs = append(errs, decode(tree, file, m))
		modules[m.name] = m
		for i, r := range m.Replace {
			if r.Module == "" || r.File == "" || r.With == "" {
				errs = append(errs, fmt.Errorf("read %s: replace: %q needs module, file and with", file, r.Module))
			}
			if slices.ContainsFunc(m.Replace[:i], func(o moduleFile) bool { return o.Module == r.Module }) {
				errs = append(errs, fmt.Errorf("read %s: replace: %q stands there twice: one file of a module can be replaced", file, r.Module))
			}
		}
	}
	files, err = fs.Glob(tree, "*/recipe.yaml")
	errs = append(errs, err)
	for _, file := range files {
		r := &recipe{name: path.Dir(file)}
		errs = append(errs, decode(tree, file, r))
		recipes[r.name] = r
	}
	for _, name := range sortedKeys(recipes) {
		for _, problem := range recipes[name].problems(recipes, modules) {
			errs = append(errs, fmt.Errorf("recipe %s: %s", name, problem))
		}
	}
	return recipes, modules, errors.Join(errs...)
}

func decode(tree fs.FS, file string, into any) error {
	data, err := fs.ReadFile(tree, file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

func (r *recipe) problems(recipes map[string]*recipe, modules map[string]*goModule) []string {
	var out []string
	if r.Repository == "" {
		out = append(out, "repository is missing")
	}
	if len(r.Tags) == 0 {
		out = append(out, "tags is empty: name the versions that can be built")
	}
	for _, ref := range append(slices.Clone(r.Preload), r.Base) {
		if ref == "" {
			continue
		}
		if _, _, err := find(recipes, ref); err != nil {
			out = append(out, err.Error())
		}
	}
	for _, dir := range sortedKeys(r.Binaries) {
		for _, binary := range r.Binaries[dir] {
			module, name, _ := strings.Cut(binary, "/")
			if m := modules[module]; m == nil || m.Binaries[name] == "" {
				out = append(out, fmt.Sprintf("binary %s is not in %s/%s/build.yaml", binary, goFolder, module))
			}
		}
	}
	for _, m := range r.Modules {
		if !strings.Contains(m.Module, "@") || m.Sum == "" || m.From == "" || m.To == "" {
			out = append(out, fmt.Sprintf("modules: %q needs module (path@version), sum, from and to", m.Module))
		}
	}
	return append(out, r.packageProblems()...)
}

// version is what is built when tag is asked for.
func (r *recipe) version(tag string) string {
	if r.Version != "" {
		return r.Version
	}
	return tag
}

// dockerfile is the path of the Dockerfile in the tree.
func (r *recipe) dockerfile() string {
	if r.Dockerfile == "" {
		return path.Join(r.name, "Dockerfile")
	}
	return path.Join(r.name, r.Dockerfile)
}

func expand(text, tag string) string { return strings.ReplaceAll(text, "${TAG}", tag) }

// binaries lists the MODULE/BINARY names of the recipe, sorted.
func (r *recipe) binaries() []string {
	var out []string
	for _, names := range r.Binaries {
		out = append(out, names...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
