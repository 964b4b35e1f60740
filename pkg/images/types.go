// Package images decides which images a run uses, where each comes from
// (pulled, mirrored, built from packages, or a bundle), and how they get into
// the cluster. It must not know Airflow's charts or Ginkgo.
package images

import "strings"

// Source is where the content of an image came from.
type Source string

const (
	Pulled   Source = "pulled"   // from the registry its name says
	Mirrored Source = "mirrored" // from the configured mirror
	Built    Source = "built"    // from package registries by a recipe of this project
	Bundled  Source = "bundled"  // from a bundle brought by hand

	// Local was found in the container engine under the wanted name, with no
	// record of a registry, recipe or bundle: made by hand, or loaded by others.
	Local Source = "local"
	// ByCluster is not held here at all: the nodes of a cluster that is not
	// ours pull it by themselves.
	ByCluster Source = "by-cluster"
)

// Ref is an image by the name that manifests use, such as apache/airflow:3.2.2.
type Ref string

// Role says who needs an image.
type Role string

const (
	RoleNode     Role = "node"     // the kind node image itself
	RoleService  Role = "service"  // a container beside the cluster
	RoleWorkload Role = "workload" // runs in pods of the cluster
)

// Want is one image that a run needs.
type Want struct {
	Ref  Ref
	Role Role
}

// Resolution is one image made available.
type Resolution struct {
	Ref    Ref    `json:"ref"`
	Role   Role   `json:"role"`
	Local  string `json:"local"`  // name in the local container engine
	ID     string `json:"id"`     // sha256 of the image's configuration
	Digest string `json:"digest"` // manifest digest where known (pulled, mirrored, bundled); else the ID
	Source Source `json:"source"`
	From   string `json:"from"` // what it was taken from: registry reference, recipe and its hash, bundle file
	Size   int64  `json:"size"` // bytes, uncompressed
}

// Built reports whether a recipe of this project made the image, here or before
// it came in a bundle.
func (r Resolution) Built() bool {
	return r.Source == Built || r.Source == Bundled && strings.Contains(r.From, builtBy)
}

// builtBy begins what a bundle says of an image that a recipe made.
const builtBy = "built by "
