//go:build engine

package minio_test

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/minio"
	"github.com/airworthy/airworthy/pkg/service/minio/admin"
)

var image = flag.String("minio-image", "airworthy/proto-minio:dev", "MinIO image in the container engine")

const stack = "aw-env-minio"

func TestRunAttachClose(t *testing.T) {
	t.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	docker, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	t.Cleanup(func() {
		if _, err := environment.Remove(context.Background(), docker, stack); err != nil {
			t.Error(err)
		}
		if left, err := environment.Leftovers(context.Background(), docker, stack); err != nil || !left.Empty() {
			t.Errorf("left over: %+v, %v", left, err)
		}
	})
	network, err := environment.EnsureNetwork(ctx, docker, stack)
	if err != nil {
		t.Fatal(err)
	}
	place := service.Placement{
		Network: network, Name: environment.Name(stack) + "-minio",
		Labels: map[string]string{environment.LabelStack: stack, environment.LabelPart: "minio"},
	}
	start := time.Now()
	server, err := minio.Run(ctx, *image, place, minio.WithBucket("logs"), minio.WithUser("pilot", "correct-horse"),
		minio.WithNext("co-pilot", "battery-staple"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up in %s: %s, from pods %s", time.Since(start), server.Endpoint().FromHost, server.Endpoint().FromPod)
	if _, err := minio.Attach(ctx, place, server.Endpoint(), server.Admin()); err != nil {
		t.Error(err)
	}
	user(ctx, t, server)
	rotate(ctx, t, server)
	for range 2 {
		if err := server.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}

// rotate takes the first user's key away, and tries both.
func rotate(ctx context.Context, t *testing.T, server *minio.Server) {
	t.Helper()
	reach := func(user, secret string) string {
		c, err := miniogo.New(server.Endpoint().FromHost, &miniogo.Options{Creds: credentials.NewStaticV4(user, secret, "")})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.PutObject(ctx, "logs", "rotate.log", strings.NewReader("text"), 4, miniogo.PutObjectOptions{})
		return miniogo.ToErrorResponse(err).Code
	}
	for _, enabled := range []bool{false, true} {
		if err := admin.New(server.Admin()).SetEnabled(ctx, "pilot", enabled); err != nil {
			t.Fatal(err)
		}
		old, next := reach("pilot", "correct-horse"), reach("co-pilot", "battery-staple")
		if enabled != (old == "") || next != "" {
			t.Errorf("enabled %t: the old user is answered %q, the next %q", enabled, old, next)
		}
	}
}

// user tries what the bucket's user may do, and what it may not.
func user(ctx context.Context, t *testing.T, server *minio.Server) {
	t.Helper()
	as := func(e service.Endpoint) *miniogo.Client {
		c, err := miniogo.New(e.FromHost, &miniogo.Options{Creds: credentials.NewStaticV4(e.User, e.Secret, "")})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	pilot, root := as(server.Endpoint()), as(server.Admin())
	if err := root.MakeBucket(ctx, "other", miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	put := func(bucket string) error {
		_, err := pilot.PutObject(ctx, bucket, "a/b.log", strings.NewReader("text"), 4, miniogo.PutObjectOptions{})
		return err
	}
	if err := put("logs"); err != nil {
		t.Errorf("put into its bucket: %v", err)
	}
	if _, err := pilot.StatObject(ctx, "logs", "a/b.log", miniogo.StatObjectOptions{}); err != nil {
		t.Errorf("get from its bucket: %v", err)
	}
	for object := range pilot.ListObjects(ctx, "logs", miniogo.ListObjectsOptions{Recursive: true}) {
		if object.Err != nil || object.Key != "a/b.log" {
			t.Errorf("listed %q, %v", object.Key, object.Err)
		}
	}
	if err := pilot.RemoveObject(ctx, "logs", "a/b.log", miniogo.RemoveObjectOptions{}); err != nil {
		t.Errorf("delete in its bucket: %v", err)
	}
	denied := map[string]error{
		"put into another bucket": put("other"),
		"make a bucket":           pilot.MakeBucket(ctx, "third", miniogo.MakeBucketOptions{}),
		"remove its bucket":       pilot.RemoveBucket(ctx, "logs"),
	}
	for what, err := range denied {
		if code := miniogo.ToErrorResponse(err).Code; code != "AccessDenied" {
			t.Errorf("%s: %q (%v), want AccessDenied", what, code, err)
		}
	}
}
