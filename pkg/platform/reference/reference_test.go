package reference

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service"
)

var update = flag.Bool("update", false, "write the golden files anew")

func spec() platform.Spec {
	return platform.Spec{
		Release: "flight", Namespace: "air", Stack: "golden", AirflowVersion: "3.2.2",
		Executor: "KubernetesExecutor", DAGDelivery: platform.DAGsMounted, LogStore: platform.LogsObjectStorage,
		DAGs: map[string]string{"one.py": "from airflow.sdk import DAG\n"},
		Database: platform.DatabaseSpec{Kind: "postgres", Endpoint: service.Endpoint{
			FromPod: "db:5432", Database: "airflow", User: "airflow", Secret: "p@ss/word"}},
		ObjectStorage: service.Endpoint{FromPod: "store:9000", Bucket: "logs", User: "writer", Secret: "written"},
		AdminUser:     "admin", AdminPassword: "let-me-in",
		FernetKey: "fernet", JWTSecret: "jwt", APISecretKey: "api", NodePort: 30080,
	}
}

func git(kind string) platform.GitSource {
	return platform.GitSource{
		Kind: kind, Image: "registry.k8s.io/git-sync/git-sync:v4.7.1", Ref: "main", SubPath: "team/dags", Period: 10 * time.Second,
		Server: service.Git{
			SSH: service.GitURL{FromPod: "ssh://git@forge/srv/git/dags.git"}, HTTPS: service.GitURL{FromPod: "https://forge/git/dags.git"},
			HostKey: "ssh-ed25519 AAAA", Key: "private\n", User: "deploy", Token: "t0ken", CA: "authority\n",
		},
	}
}

func TestGolden(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*platform.Spec)
	}{
		{"default", func(*platform.Spec) {}},
		{"baked-volume-keep", func(s *platform.Spec) {
			s.DAGDelivery, s.LogStore, s.KeepPods, s.NodePort = platform.DAGsBaked, platform.LogsVolume, true, 0
			s.DAGs, s.ObjectStorage = nil, service.Endpoint{}
		}},
		{"values-win", func(s *platform.Spec) {
			s.AirflowImage = "registry.example:5000/team/airflow:3.2.2-custom"
			s.Values = map[string]any{
				"localSettings": "def pod_mutation_hook(pod):\n    pass\n",
				"extraConfig":   map[string]any{"core": map[string]any{"parallelism": 4}, "metrics": map[string]any{"statsd_on": true}},
				"extraEnv":      []any{map[string]any{"name": "GREETING", "value": "{{ hello }}"}},
				"taskPods":      map[string]any{"resources": map[string]any{"limits": map[string]any{"cpu": "500m"}}},
			}
		}},
		{"metrics", func(s *platform.Spec) {
			s.Metrics = platform.MetricsSpec{Enabled: true, ExporterImage: "prom/statsd-exporter:v0.31.0", Dashboards: map[string]string{"one.json": "{}"}}
		}},
		{"ingress", func(s *platform.Spec) {
			s.Ingress = platform.IngressSpec{Host: "air.example.test", Path: "/flight", Issuer: "airworthy-ca"}
		}},
		{"network-policy", func(s *platform.Spec) {
			s.Ingress = platform.IngressSpec{Host: "air.example.test", Path: "/", Issuer: "airworthy-ca", Policy: true,
				Namespace: "air-addons", Pods: map[string]string{"airworthy.dev/addon": "ingress"}}
			s.NodePort = 0
		}},
		{"git-sync", func(s *platform.Spec) {
			s.DAGDelivery, s.Git = platform.DAGsGitSync, git(platform.GitSSH)
		}},
		{"git-sync-https", func(s *platform.Spec) {
			s.DAGDelivery, s.Git = platform.DAGsGitSync, git(platform.GitHTTPS)
			s.Git.SubPath = ""
		}},
		{"git-bundle", func(s *platform.Spec) {
			s.DAGDelivery, s.Git = platform.DAGsGitBundle, git(platform.GitSSH)
		}},
		{"airflow-2", func(s *platform.Spec) { s.AirflowVersion = "2.11.0" }},
		{"mysql-secret", func(s *platform.Spec) {
			s.Database.Kind, s.Database.Endpoint.FromPod, s.Database.Secret = platform.DatabaseMySQL, "db:3306", "metadata"
			s.Values = map[string]any{"extraEnv": []any{map[string]any{"name": "GREETING", "value": "hello"}}}
		}},
		{"pooler", func(s *platform.Spec) {
			s.Database.Pooler.Image, s.Database.Endpoint.Secret = "apache/airflow:pooler", `p@ss"/word`
		}},
		{"pooler-secret", func(s *platform.Spec) {
			s.Database.Pooler.Image, s.Database.Secret = "apache/airflow:pooler", "metadata"
		}},
		{"tls", func(s *platform.Spec) {
			s.Database.TLS, s.Database.Endpoint.CA = true, "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
		}},
		{"airflow-2-tls", func(s *platform.Spec) {
			s.AirflowVersion, s.Database.TLS, s.Database.Endpoint.CA = "2.11.0", true, "PEM"
		}},
		{"airflow-2-secret", func(s *platform.Spec) { s.AirflowVersion, s.Database.Secret = "2.11.0", "metadata" }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := spec()
			row.change(&s)
			plan, err := New().Plan(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "golden", row.name+".yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(plan.Manifests), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v: run the test with -update to write it", err)
			}
			if plan.Manifests != string(want) {
				t.Errorf("the rendering differs from %s; run with -update and read the difference\nfirst difference at %s",
					golden, firstDifference(plan.Manifests, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "the end of the shorter one"
}

// A connection that is given through a Secret is in nothing that is rendered.
func TestDatabaseSecretHidesTheConnection(t *testing.T) {
	s := spec()
	s.Database.Secret = "metadata"
	plan, err := New().Plan(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	hides := func(plan platform.Plan) {
		for _, hidden := range []string{"p@ss", "p%40ss", "psycopg2://air"} {
			if strings.Contains(plan.Manifests, hidden) {
				t.Errorf("the manifests hold %q", hidden)
			}
		}
	}
	hides(plan)
	if got := strings.Count(plan.Manifests, "name: AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"); got != 5 {
		t.Errorf("%d containers read the connection from the Secret, want the four components and the migration", got)
	}
	if !slices.Contains(plan.Features, "database-secret") {
		t.Errorf("features are %q", plan.Features)
	}
	s.Database.Pooler.Image = "apache/airflow:pooler"
	if plan, err = New().Plan(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	hides(plan)
	if !slices.Contains(plan.Features, "connection-pooler") || !slices.Contains(plan.Images, "apache/airflow:pooler") {
		t.Errorf("behind a pooler, features are %q and images %q", plan.Features, plan.Images)
	}
}

func TestPlan(t *testing.T) {
	plan, err := New().Plan(context.Background(), spec())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"apache/airflow:3.2.2"}; !slices.Equal(plan.Images, want) {
		t.Errorf("images = %q, want %q", plan.Images, want)
	}
	var names []string
	for _, c := range plan.Components {
		names = append(names, c.Name)
	}
	if want := []string{"api-server", "dag-processor", "scheduler", "triggerer"}; !slices.Equal(names, want) {
		t.Errorf("components = %q, want %q", names, want)
	}
	if !strings.HasPrefix(plan.Digest, "sha256:") || plan.Version == "" || plan.Chart != "airworthy-reference" {
		t.Errorf("chart = %q %q %q", plan.Chart, plan.Version, plan.Digest)
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*platform.Spec)
		want   []string
	}{
		{"every mistake at once", func(s *platform.Spec) { s.Release, s.Executor, s.Database.Kind = "", "CeleryExecutor", "sqlite" },
			[]string{"release name is empty", `executor "CeleryExecutor" is not known: use KubernetesExecutor`, `database kind "sqlite" is not known: use postgres or mysql`}},
		{"a value that the chart does not know", func(s *platform.Spec) { s.Values = map[string]any{"replicas": 2} },
			[]string{"additional properties 'replicas' not allowed"}},
		{"a missing chart", func(s *platform.Spec) { s.ChartPath = "nowhere.tgz" },
			[]string{"chart nowhere.tgz does not exist: set platform.chart to a chart folder or the .tgz of a packaged chart"}},
		{"an overlay that matches nothing", func(s *platform.Spec) {
			s.Overlays = []platform.Overlay{{Kind: "Deployment", Name: "webserver", Delete: true}}
		}, []string{"overlay matches nothing: no Deployment is named webserver or *-webserver; there are: flight-api-server, flight-dag-processor, flight-scheduler, flight-triggerer"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := spec()
			row.change(&s)
			_, err := New().Plan(context.Background(), s)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestLint(t *testing.T) {
	linter := lint.All(filepath.Join("..", "..", "..", "fixtures", "reference"), Values(spec()), "air", true)
	for _, m := range linter.Messages {
		if m.Severity >= support.WarningSev {
			t.Errorf("%s", m)
		}
	}
}

// Checks that replace the keys need to know where they are; nothing is claimed
// where the chart was told to take one from elsewhere.
func TestRotatableSecrets(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*platform.Spec)
		want   bool
	}{
		{"default", func(*platform.Spec) {}, true},
		{"logs on a volume", func(s *platform.Spec) { s.LogStore = platform.LogsVolume }, true},
		{"airflow 2", func(s *platform.Spec) { s.AirflowVersion = "2.11.0" }, true},
		{"the keys' Secret is dropped", func(s *platform.Spec) {
			s.Overlays = []platform.Overlay{{Kind: "Secret", Name: "flight-keys", Delete: true}}
		}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := spec()
			row.change(&s)
			plan, err := New().Plan(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Contains(plan.Features, conformance.FeatureRotatableSecrets); got != row.want {
				t.Errorf("rotatable-secrets is claimed: %t, want %t", got, row.want)
			}
		})
	}
}
