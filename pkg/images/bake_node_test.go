//go:build engine && node

package images

import (
	"context"
	"flag"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// Run with: go test -tags engine,node -run Bake ./pkg/images -args -node IMAGE -workloads REF=IMAGE,...
var (
	nodeImage      = flag.String("node", "", "kind node image in the local engine")
	workloadImages = flag.String("workloads", "", "upstream's name = image in the local engine, and so on with commas")
)

func TestBakeNodeMakesOneImageOnce(t *testing.T) {
	if *nodeImage == "" || *workloadImages == "" {
		t.Fatal("give -args -node IMAGE -workloads REF=IMAGE,...")
	}
	api, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	r := New(Options{Docker: api, Cache: t.TempDir(), Labels: map[string]string{"airworthy.dev/stack": "bake-test"},
		Progress: func(image, line string) { t.Log(image, line) }})
	ctx := t.Context()
	resolved := func(role Role, ref, local string) Resolution {
		have, ok, err := r.engine.inspect(ctx, local)
		if err != nil || !ok {
			t.Fatalf("%s: there is %v, error %v", local, ok, err)
		}
		return Resolution{Ref: Ref(ref), Role: role, Local: local, ID: have.id, Source: Built, From: "recipe test@1"}
	}
	node := resolved(RoleNode, "kindest/node:v1", *nodeImage)
	var load []Resolution
	for pair := range strings.SplitSeq(*workloadImages, ",") {
		ref, local, _ := strings.Cut(pair, "=")
		load = append(load, resolved(RoleWorkload, ref, local))
	}
	first, err := r.BakeNode(ctx, node, load)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.BakeNode(ctx, node, load)
	if err != nil || again != first {
		t.Errorf("the second time: %+v, error %v; want the first: %+v", again, err, first)
	}
	t.Logf("%+v", first)
	left, err := api.ContainerList(context.WithoutCancel(ctx), client.ContainerListOptions{All: true,
		Filters: client.Filters{}.Add("label", "airworthy.dev/stack=bake-test")})
	if err != nil || len(left.Items) != 0 {
		t.Errorf("left over: %v, error %v", left.Items, err)
	}
}
