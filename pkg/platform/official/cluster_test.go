//go:build cluster

package official

import (
	"context"
	"flag"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/airworthy/airworthy/pkg/service"
)

var (
	kubeconfig = flag.String("kubeconfig", "", "kubeconfig of a cluster that has the Airflow image")
	postgres   = flag.String("database", "", "host:port of a PostgreSQL with user, password and database airflow")
	storage    = flag.String("storage", "", "host:port of a MinIO with user and password minioadmin and a bucket named logs")
	keep       = flag.Bool("keep", false, "leave the platform standing")
)

// TestInstall needs the chart, a cluster, a database and an object store:
//
//	go test -tags cluster ./pkg/platform/official -run TestInstall -v -chart TGZ -kubeconfig FILE -database HOST:PORT -storage HOST:PORT
func TestInstall(t *testing.T) {
	if *kubeconfig == "" || *chart == "" {
		t.Skip("no -kubeconfig or no -chart")
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	s := spec()
	s.ChartPath, s.Release, s.Namespace, s.Stack = *chart, "airflow", "official", "try"
	s.Database.Endpoint = service.Endpoint{FromPod: *postgres, User: "airflow", Secret: "airflow", Database: "airflow"}
	s.ObjectStorage = service.Endpoint{FromPod: *storage, Bucket: "logs", User: "minioadmin", Secret: "minioadmin"}
	s.FernetKey = "9y5SBUX3bNoPZ1mSRl7rsUt6tXbdvyhbXGAWTvHvXc0="
	s.JWTSecret, s.APISecretKey = "a-jwt-secret-of-some-length", "an-api-secret-of-some-length"
	s.DAGs = map[string]string{"hello.py": "from airflow.sdk import dag, task\n\n\n@dag(schedule=None)\ndef hello():\n    @task\n    def one():\n        print(\"hello\")\n\n    one()\n\n\nhello()\n"}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if !*keep {
		t.Cleanup(func() {
			if err := New().Uninstall(context.Background(), cfg, s); err != nil {
				t.Error(err)
			}
		})
	}
	started := time.Now()
	release, err := New().Install(ctx, cfg, s, 8*time.Minute, func(step, waiting string) {
		t.Logf("%6.1fs %s: %s", time.Since(started).Seconds(), step, waiting)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %.1fs: %+v", time.Since(started).Seconds(), release)
}
