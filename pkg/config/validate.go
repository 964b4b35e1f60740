package config

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// validate checks what the keys mean together, and the files they name. What a
// key alone may hold was checked when it was read.
func (r *reader) validate() {
	for _, n := range needs {
		if r.sound(n.when, n.path) && at(&r.run, n.when).String() == n.is && at(&r.run, n.path).String() == "" {
			r.at(n.when, n.path, fmt.Sprintf("is required where %s is %s: %s", n.when, n.is, n.mend))
		}
	}
	r.validatePlatform()
	r.validateMetrics()
	r.validateDatabase()
	r.validateCluster()
	r.validateGit()
	r.validateLogShipping()
	r.validateIngress()
	r.validateImages()
	if r.sound("platform.chart") && r.run.Platform.Adapter != "reference" {
		r.exists("platform.chart", "a chart's folder or .tgz", "mend the path, or put the chart there")
	}
	for i, file := range r.run.Platform.ValuesFiles {
		r.existsFile(fmt.Sprintf("platform.valuesFiles[%d]", i), "platform.valuesFiles", file, "a file of chart values", "mend the path, or put the file there")
	}
	r.exists("platform.ageKey", "a file of age identities", "mend the path, or put the file there")
	if r.run.Cluster.Kind == "existing" {
		r.exists("cluster.kubeconfig", "a kubeconfig", "mend the path, or write the kubeconfig there")
	}
	if r.usesPolicy("bundle") {
		r.exists("images.bundle", "a bundle", "mend the path, or make it with `airworthy images save`")
	}
}

func (r *reader) validatePlatform() {
	p := r.run.Platform
	if r.sound("platform.adapter", "platform.chart") && p.Adapter == "reference" && p.Chart != "" {
		r.at("platform.chart", "platform.chart", must("empty where platform.adapter is reference", strconv.Quote(p.Chart), "delete it, or choose the adapter of that chart"))
	}
	if r.sound("platform.logs", "objectStorage.kind") && p.Logs == "object-storage" && r.run.ObjectStorage.Kind == "none" {
		r.at("objectStorage.kind", "objectStorage.kind", must("minio where platform.logs is object-storage", `"none"`, "choose minio, or platform.logs: volume"))
	}
}

func (r *reader) validateMetrics() {
	if r.sound("metrics.kind", "platform.adapter") && r.run.Metrics.Kind != "none" && r.run.Platform.Adapter != "reference" {
		r.at("metrics.kind", "metrics.kind", must("none where platform.adapter is "+r.run.Platform.Adapter, strconv.Quote(r.run.Metrics.Kind),
			"delete it, this version measures the reference platform alone"))
	}
	if r.sound("metrics.kind", "metrics.grafana") && r.run.Metrics.Grafana != "none" && r.run.Metrics.Kind == "none" {
		r.at("metrics.grafana", "metrics.grafana", must("none where metrics.kind is none", strconv.Quote(r.run.Metrics.Grafana),
			"delete it, or choose metrics.kind: prometheus, which Grafana asks"))
	}
}

// validateLogShipping holds Graylog and its stores together: a version of one
// goes with few versions of the others.
func (r *reader) validateLogShipping() {
	l := r.run.LogShipping
	all := []struct{ path, image string }{
		{"logShipping.graylog", l.Graylog}, {"logShipping.search", l.Search}, {"logShipping.metadata", l.Metadata},
	}
	if l.Graylog == "" && l.Search == "" && l.Metadata == "" {
		return
	}
	for _, one := range all {
		if one.image == "" && r.sound(one.path) {
			r.at("logShipping", one.path, must("given where another of logShipping's graylog, search and metadata is", `""`,
				"name all three, as their versions must go together, or none of them"))
		}
	}
}

// validateDatabase gives a database without an image that of its kind, and
// holds a pooler to what it can stand before and TLS to what can have it.
func (r *reader) validateDatabase() {
	if _, given := r.where["database.image"]; !given && r.sound("database.kind") {
		r.run.Database.Image = databaseImages[r.run.Database.Kind]
	}
	r.validateTLS()
	pooler := r.run.Database.Pooler
	if !r.sound("database.pooler") || pooler == "none" {
		return
	}
	if kind := r.run.Database.Kind; r.sound("database.kind") && kind != "postgres" {
		r.at("database.pooler", "database.pooler", must("none where database.kind is "+kind, strconv.Quote(pooler), "delete it, or write database.kind: postgres"))
	} else if adapter := r.run.Platform.Adapter; r.sound("platform.adapter") && adapter != "reference" {
		r.at("database.pooler", "database.pooler", must("none where platform.adapter is "+adapter, strconv.Quote(pooler),
			"delete it: in this version only the reference platform is put behind a pooler"))
	}
}

func (r *reader) validateTLS() {
	if !r.sound("database.tls") || r.run.Database.TLS == "none" {
		return
	}
	none := func(where, mend string) {
		r.at("database.tls", "database.tls", must("none where "+where, strconv.Quote(r.run.Database.TLS), mend))
	}
	d := r.run.Database
	switch {
	case r.sound("database.kind") && d.Kind != "postgres":
		none("database.kind is "+d.Kind, "delete it, or write database.kind: postgres")
	case r.sound("database.pooler") && d.Pooler != "none":
		none("database.pooler is "+d.Pooler, "delete one of the two: the pooler speaks to the components in the clear")
	case r.sound("cluster.kind") && r.run.Cluster.Kind == "existing":
		none("cluster.kind is existing", "delete it: the database that is put into a cluster that is not ours has no certificate")
	case r.sound("platform.adapter") && r.run.Platform.Adapter != "reference":
		none("platform.adapter is "+r.run.Platform.Adapter, "delete it: in this version only the reference platform is given the authority's certificate")
	}
}

func (r *reader) validateGit() {
	delivery, kind := r.run.Platform.DAGDelivery, r.run.Git.Kind
	if !r.sound("platform.dagDelivery", "git.kind") {
		return
	}
	uses := delivery == "git-sync" || delivery == "git-bundle"
	switch {
	case uses && kind == "none":
		r.at("git.kind", "git.kind", must("ssh or https where platform.dagDelivery is "+delivery, `"none"`, "choose one, or another platform.dagDelivery"))
	case !uses && kind != "none":
		r.at("git.kind", "git.kind", must("none where platform.dagDelivery is "+delivery, strconv.Quote(kind), "delete it, or write platform.dagDelivery: git-sync"))
	case uses && r.sound("cluster.kind") && r.run.Cluster.Kind == "existing":
		r.at("git.kind", "git.kind", must("none where cluster.kind is existing", strconv.Quote(kind), "the Git server of a run is a container beside the cluster, which a cluster that is not ours cannot reach"))
	case uses && r.sound("platform.adapter") && r.run.Platform.Adapter != "reference":
		r.at("platform.dagDelivery", "platform.dagDelivery", must("mounted or baked where platform.adapter is "+r.run.Platform.Adapter, strconv.Quote(delivery), "only the reference adapter delivers from Git in this version"))
	}
}

func (r *reader) validateIngress() {
	if !r.sound("ingress.networkPolicy", "ingress.kind", "platform.adapter") || !r.run.Ingress.NetworkPolicy {
		return
	}
	switch {
	case r.run.Ingress.Kind == "none":
		r.at("ingress.networkPolicy", "ingress.networkPolicy", must("false where ingress.kind is none", "true", "delete it, or choose an ingress.kind: nobody would reach the API server"))
	case r.run.Platform.Adapter != "reference":
		r.at("ingress.networkPolicy", "ingress.networkPolicy", must("false where platform.adapter is "+r.run.Platform.Adapter, "true", "delete it, or give that chart's own policies in platform.values"))
	}
}

func (r *reader) validateCluster() {
	c := &r.run.Cluster
	if !r.sound("cluster.kind") {
		return
	}
	if c.Kind == "kind" {
		for _, path := range []string{"cluster.kubeconfig", "cluster.context"} {
			if value := at(&r.run, path).String(); r.sound(path) && value != "" {
				r.at(path, path, must("empty where cluster.kind is kind", strconv.Quote(value), "delete it, or write cluster.kind: existing"))
			}
		}
		if r.sound("cluster.kubernetes") && c.Kubernetes == "" {
			r.at("cluster.kubernetes", "cluster.kubernetes", must("a Kubernetes version such as v1.36.3", `""`, "write v and all three numbers"))
		}
		return
	}
	if r.sound("cluster.workers") && c.Workers != 0 {
		r.at("cluster.workers", "cluster.workers", must("0 where cluster.kind is existing", strconv.Itoa(c.Workers), "delete it, the cluster has the nodes it has"))
	}
	if r.sound("logShipping.kind") && r.run.LogShipping.Kind != "none" {
		r.at("logShipping.kind", "logShipping.kind", must("none where cluster.kind is existing", strconv.Quote(r.run.LogShipping.Kind), "delete it: the log store runs on this machine, where pods of that cluster do not reach it"))
	}
	if r.sound("ingress.kind", "ingress.certificates") && r.run.Ingress.Kind != "none" && r.run.Ingress.Certificates == "acme" {
		r.at("ingress.certificates", "ingress.certificates", must("self-signed where cluster.kind is existing", `"acme"`, "the ACME server of a run is a container beside the cluster, which a cluster that is not ours cannot reach"))
	}
	if _, given := r.where["cluster.kubernetes"]; !given {
		c.Kubernetes = "" // the default is a kind cluster's
	} else if r.sound("cluster.kubernetes") && c.Kubernetes != "" {
		r.at("cluster.kubernetes", "cluster.kubernetes", must("empty where cluster.kind is existing", strconv.Quote(c.Kubernetes), "delete it, the cluster has the version it has"))
	}
}

func (r *reader) validateImages() {
	i := r.run.Images
	names := make([]string, 0, len(i.PerImage))
	for name := range i.PerImage {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path, policy := "images.perImage."+name, i.PerImage[name]
		if policy == "mirror" && i.Mirror == "" && r.sound("images.mirror") {
			r.at(path, path, "is mirror, but there is none: give images.mirror as host[:port][/prefix]")
		}
		if policy == "bundle" && i.Bundle == "" && r.sound("images.bundle") {
			r.at(path, path, "is bundle, but there is none: give images.bundle")
		}
	}
}

func (r *reader) usesPolicy(policy string) bool {
	if r.run.Images.Policy == policy {
		return true
	}
	for _, p := range r.run.Images.PerImage {
		if p == policy {
			return true
		}
	}
	return false
}

// exists checks that the file named at path, if any, is there.
func (r *reader) exists(path, what, mend string) {
	if file := at(&r.run, path).String(); r.sound(path) && file != "" {
		r.existsFile(path, path, file, what, mend)
	}
}

// existsFile checks one file; key is where a problem of it is reported.
func (r *reader) existsFile(path, key, file, what, mend string) {
	_, err := os.Stat(file)
	if err == nil {
		return
	}
	if strings.Contains(file, "/~/") {
		mend = "~ is not expanded, write the whole path"
	}
	reason := "nothing is there"
	if !os.IsNotExist(err) {
		reason = err.Error()
	}
	r.at(key, path, fmt.Sprintf("must be the path of %s (looked at %s: %s): %s", what, file, reason, mend))
}

// sound reports whether none of the paths had a value that was refused.
func (r *reader) sound(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(p string) bool { return r.broken[p] })
}

// at reports a problem of path at the place where key was given, or where the
// nearest thing above it was.
func (r *reader) at(key, path, text string) {
	for {
		if p, given := r.where[key]; given {
			r.add(p, path, text)
			return
		}
		i := strings.LastIndex(key, ".")
		if i < 0 {
			r.add(place{line: 1, column: 1}, path, text)
			return
		}
		key = key[:i]
	}
}
