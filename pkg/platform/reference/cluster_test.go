//go:build cluster

package reference

import (
	"context"
	"flag"
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

// TestInstall needs a cluster, a database and an object store that exist:
//
//	go test -tags cluster ./pkg/platform/reference -run TestInstall -v -kubeconfig FILE -database HOST:PORT -storage HOST:PORT
func TestInstall(t *testing.T) {
	if *kubeconfig == "" {
		t.Skip("no -kubeconfig")
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	s := spec()
	s.Release, s.Namespace, s.Stack = "airflow", "airflow", "try"
	s.Database.Endpoint = service.Endpoint{FromPod: *database, User: "airflow", Secret: "airflow", Database: "airflow"}
	s.ObjectStorage = service.Endpoint{FromPod: *storage, Bucket: "logs", User: "minioadmin", Secret: "minioadmin"}
	s.FernetKey = "9y5SBUX3bNoPZ1mSRl7rsUt6tXbdvyhbXGAWTvHvXc0="
	s.DAGs = map[string]string{"hello.py": helloDAG}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	started := time.Now()
	progress := func(step, waiting string) { t.Logf("%6.1fs %s: %s", time.Since(started).Seconds(), step, waiting) }
	if !*keep {
		t.Cleanup(func() {
			if err := New().Uninstall(context.Background(), cfg, s); err != nil {
				t.Error(err)
			}
		})
	}
	release, err := New().Install(ctx, cfg, s, 5*time.Minute, platform.Progress(progress))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %s: %+v", time.Since(started).Round(100*time.Millisecond), release)
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
