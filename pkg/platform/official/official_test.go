package official

import (
	"context"
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/internal/charted"
	"github.com/airworthy/airworthy/pkg/service"
)

var chart = flag.String("chart", "", "the official chart's .tgz; the tests that need it are skipped without it")

func spec() platform.Spec {
	return platform.Spec{
		Release: "flight", Namespace: "air", Stack: "golden", AirflowVersion: "3.2.2",
		Executor: "KubernetesExecutor", DAGDelivery: platform.DAGsMounted, LogStore: platform.LogsObjectStorage,
		DAGs: map[string]string{"one.py": "print('{{ ds }}')\n", "two.py": "\n"},
		Database: platform.DatabaseSpec{Kind: "postgres", Endpoint: service.Endpoint{
			FromPod: "db:5433", Database: "airflow", User: "airflow", Secret: "p@ss/word"}},
		ObjectStorage: service.Endpoint{FromPod: "store:9000", Bucket: "logs", User: "writer", Secret: "written"},
		AdminUser:     "admin", AdminPassword: "let-me-in",
		FernetKey: "fernet", JWTSecret: "jwt", APISecretKey: "api", NodePort: 30080,
	}
}

func TestPlanWithoutChart(t *testing.T) {
	for _, row := range []struct{ name, chart, want string }{
		{"none named", "", "the official chart is not part of airworthy: download the chart (such as airflow-1.22.0.tgz) and name the file in platform.chart"},
		{"missing file", "gone.tgz", "chart gone.tgz does not exist: set platform.chart to a chart folder or the .tgz of a packaged chart"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := spec()
			s.ChartPath = row.chart
			if _, err := New().Plan(context.Background(), s); err == nil || err.Error() != row.want {
				t.Errorf("error = %v\nwant    %s", err, row.want)
			}
		})
	}
}

func TestValues(t *testing.T) {
	s := spec()
	s.KeepPods = true
	s.Values = map[string]any{"config": map[string]any{"core": map[string]any{"parallelism": "4"}}}
	got := charted.Merge(s.Values, Values(s))
	at := func(path ...string) any {
		var v any = got
		for _, key := range path {
			v = v.(map[string]any)[key]
		}
		return v
	}
	for _, row := range []struct {
		path []string
		want any
	}{
		{[]string{"data", "metadataConnection", "host"}, "db"},
		{[]string{"data", "metadataConnection", "port"}, 5433},
		{[]string{"config", "core", "parallelism"}, "4"},
		{[]string{"config", "core", "dags_are_paused_at_creation"}, "False"},
		{[]string{"config", "kubernetes_executor", "delete_worker_pods"}, "False"},
		{[]string{"config", "logging", "remote_base_log_folder"}, "s3://logs/task-logs"},
		{[]string{"postgresql", "enabled"}, false},
		{[]string{"extraConfigMaps", "flight-dag-files", "data"},
			`"one.py": "print('{{ "{{" }} ds }}')\n"` + "\n" + `"two.py": "\n"` + "\n"},
	} {
		if v := at(row.path...); v != row.want {
			t.Errorf("%s = %v, want %v", strings.Join(row.path, "."), v, row.want)
		}
	}
}

func TestDatabase(t *testing.T) {
	for _, row := range []struct {
		name       string
		change     func(*platform.Spec)
		secretName any
		secret     any // what the release itself makes
	}{
		{"postgres by values", func(*platform.Spec) {}, nil, nil},
		{"postgres by secret", func(s *platform.Spec) { s.Database.Secret = "metadata" }, "metadata", nil},
		{"mysql", func(s *platform.Spec) {
			s.Database.Kind, s.Database.Endpoint.FromPod = platform.DatabaseMySQL, "db:3306"
		}, "flight-metadata-url",
			`connection: "mysql+mysqldb://airflow:p%40ss%2Fword@db:3306/airflow?charset=utf8mb4"`},
		{"mysql by secret", func(s *platform.Spec) { s.Database.Kind, s.Database.Secret = platform.DatabaseMySQL, "metadata" }, "metadata", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := spec()
			row.change(&s)
			got := Values(s)
			if name := got["data"].(values)["metadataSecretName"]; name != row.secretName {
				t.Errorf("metadataSecretName is %v, want %v", name, row.secretName)
			}
			var secret any
			if made, ok := got["extraSecrets"].(values)["flight-metadata-url"].(values); ok {
				secret = made["stringData"]
			}
			if secret != row.secret {
				t.Errorf("the release makes %v, want %v", secret, row.secret)
			}
		})
	}
}

func TestPlanOfTheRealChart(t *testing.T) {
	if *chart == "" {
		t.Skip("no -chart")
	}
	for _, row := range []struct {
		name   string
		change func(*platform.Spec)
	}{
		{"mounted, object storage", func(*platform.Spec) {}},
		{"mysql", func(s *platform.Spec) { s.Database.Kind = platform.DatabaseMySQL }},
		{"a secret", func(s *platform.Spec) { s.Database.Secret = "metadata" }},
		{"baked, volume", func(s *platform.Spec) {
			s.DAGDelivery, s.LogStore, s.NodePort = platform.DAGsBaked, platform.LogsVolume, 0
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := spec()
			s.ChartPath = *chart
			row.change(&s)
			plan, err := New().Plan(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			if want := []string{"apache/airflow:3.2.2"}; !slices.Equal(plan.Images, want) {
				t.Errorf("images = %q, want %q", plan.Images, want)
			}
			var got []string
			for _, c := range plan.Components {
				got = append(got, c.Kind+"/"+c.Object)
			}
			want := []string{"Deployment/flight-api-server", "Deployment/flight-dag-processor", "Deployment/flight-scheduler", "Deployment/flight-triggerer"}
			if !slices.Equal(got, want) {
				t.Errorf("components = %q, want %q", got, want)
			}
			if !slices.Contains(plan.Features, conformance.FeatureRotatableSecrets) {
				t.Errorf("the keys are not where they are looked for; the features are %q", plan.Features)
			}
			t.Logf("%s", plan.Manifests)
		})
	}
}
