//go:build cluster

package reference

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service"
)

var (
	kubeconfig = flag.String("kubeconfig", "", "kubeconfig of a cluster that has the Airflow image")
	database   = flag.String("database", "", "host:port of a PostgreSQL with user, password and database airflow")
	storage    = flag.String("storage", "", "host:port of a MinIO with user and password minioadmin and a bucket named logs")
	keep       = flag.Bool("keep", false, "leave the platform standing")
)

// TestLife needs a cluster, a database and an object store that exist:
//
//	go test -tags cluster ./pkg/platform/reference -run TestLife -v -kubeconfig FILE -database HOST:PORT -storage HOST:PORT
//
// It installs, fails two upgrades for known reasons, mends them, and removes
// everything, saying how long each took.
func TestLife(t *testing.T) {
	if *kubeconfig == "" {
		t.Skip("no -kubeconfig")
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	s := clusterSpec()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	a := New()
	step := func(what string, do func(platform.Progress) (platform.Release, error)) (platform.Release, error) {
		started := time.Now()
		release, err := do(func(step, waiting string) {
			t.Logf("%s %6.1fs %s: %s", what, time.Since(started).Seconds(), step, waiting)
		})
		t.Logf("%s took %.1fs: revision %d, error %v", what, time.Since(started).Seconds(), release.Revision, err)
		return release, err
	}
	release, err := step("install", func(p platform.Progress) (platform.Release, error) {
		return a.Install(ctx, cfg, s, 5*time.Minute, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", release)
	if *keep {
		return
	}
	broken := s
	broken.AirflowImage = "apache/airflow:never-built"
	_, err = step("upgrade to an image that is nowhere", func(p platform.Progress) (platform.Release, error) {
		return a.Upgrade(ctx, cfg, broken, 3*time.Minute, p)
	})
	if err == nil || !strings.Contains(err.Error(), "image apache/airflow:never-built") {
		t.Errorf("error = %v, want it to name the image", err)
	}
	broken = s
	broken.Overlays = []platform.Overlay{{Kind: "Deployment", Name: "triggerer",
		Patch: `spec: {template: {spec: {containers: [{name: triggerer, args: [bash, -c, "echo no fuel >&2; exit 3"]}]}}}`}}
	_, err = step("upgrade to a crash loop", func(p platform.Progress) (platform.Release, error) {
		return a.Upgrade(ctx, cfg, broken, 5*time.Minute, p)
	})
	if err == nil || !strings.Contains(err.Error(), "container triggerer: CrashLoopBackOff") || !strings.Contains(err.Error(), "no fuel") {
		t.Errorf("error = %v, want the crash loop with its last line", err)
	}
	if _, err = step("upgrade that mends", func(p platform.Progress) (platform.Release, error) {
		return a.Upgrade(ctx, cfg, s, 5*time.Minute, p)
	}); err != nil {
		t.Error(err)
	}
	if _, err = step("uninstall", func(platform.Progress) (platform.Release, error) {
		return platform.Release{}, a.Uninstall(ctx, cfg, s)
	}); err != nil {
		t.Error(err)
	}
}

func clusterSpec() platform.Spec {
	s := spec()
	s.Release, s.Namespace, s.Stack = "airflow", "airflow", "try"
	s.Database.Endpoint = service.Endpoint{FromPod: *database, User: "airflow", Secret: "airflow", Database: "airflow"}
	s.ObjectStorage = service.Endpoint{FromPod: *storage, Bucket: "logs", User: "minioadmin", Secret: "minioadmin"}
	s.FernetKey = "9y5SBUX3bNoPZ1mSRl7rsUt6tXbdvyhbXGAWTvHvXc0="
	s.JWTSecret, s.APISecretKey = "a-jwt-secret-of-some-length", "an-api-secret-of-some-length"
	s.DAGs = map[string]string{"hello.py": helloDAG}
	return s
}

const helloDAG = `
from airflow.sdk import dag, task


@dag(schedule=None)
def hello():
    @task
    def one():
        print("hello from one")
        return 41

    @task
    def two(n):
        import time

        for i in range(8):
            print(f"two says {n + 1}, line {i}", flush=True)
            time.sleep(1)

    two(one())


hello()
`
