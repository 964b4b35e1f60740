package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// header begins every run file of these tests; what follows begins in line 2.
const header = "apiVersion: airworthy.dev/v1alpha1\n"

func TestParseReadsWhatIsGivenAndKeepsDefaults(t *testing.T) {
	tests := []struct {
		name string
		yaml string
		sets []string
		want func(*Run)
	}{
		{name: "nothing", want: func(*Run) {}},
		{name: "empty sections", yaml: "cluster:\nplatform:\n  values:\n", want: func(*Run) {}},
		{
			name: "every type",
			yaml: "name: two\nplatform: {keepPods: true, values: {a: {b: 1, c: [x, 2.5, null]}}}\ncluster: {workers: 2}\n" +
				"timeouts: {scale: 1.5, observe: 5m}\nchecks: {skip: [logs.live]}\nimages: {perImage: {\"postgres:15\": build}}\n",
			want: func(r *Run) {
				r.Name, r.Platform.KeepPods, r.Cluster.Workers = "two", true, 2
				r.Platform.Values = map[string]any{"a": map[string]any{"b": 1, "c": []any{"x", 2.5, nil}}}
				r.Timeouts.Scale, r.Timeouts.Observe = 1.5, 5*time.Minute
				r.Checks.Skip = []string{"logs.live"}
				r.Images.PerImage = map[string]string{"postgres:15": "build"}
			},
		},
		{
			name: "a database without an image has that of its kind",
			yaml: "database: {kind: mysql, secret: metadata}\n",
			want: func(r *Run) {
				r.Database.Kind, r.Database.Image, r.Database.Secret = "mysql", "mysql:9.7", "metadata"
			},
		},
		{
			name: "a database's image that is given", yaml: "database: {image: \"example.org/db:1\"}\n",
			sets: []string{"database.kind=mysql"},
			want: func(r *Run) { r.Database.Kind, r.Database.Image = "mysql", "example.org/db:1" },
		},
		{
			name: "anchors and merge keys",
			yaml: "platform:\n  values:\n    small: &small {cpu: 1, memory: 1Gi}\n    one: *small\n    two:\n      <<: *small\n      cpu: 2\n    three:\n      <<: [{disk: 5}, *small]\n",
			want: func(r *Run) {
				r.Platform.Values = map[string]any{
					"small": map[string]any{"cpu": 1, "memory": "1Gi"},
					"one":   map[string]any{"cpu": 1, "memory": "1Gi"},
					"two":   map[string]any{"cpu": 2, "memory": "1Gi"},
					"three": map[string]any{"cpu": 1, "memory": "1Gi", "disk": 5},
				}
			},
		},
		{
			name: "settings over the file",
			yaml: "cluster: {workers: 1}\nplatform: {values: {a: {b: 1, c: 2}}}\nimages: {perImage: {x: pull}}\nchecks: {skip: [a.b]}\n",
			sets: []string{
				"cluster.workers=3", "platform.values.a.c=three", "platform.values.d=[1, 2]", "platform.airflowVersion=3.1.0",
				"images.perImage.docker.io/minio/minio:1.0=build", "checks.skip=[logs.live, dags.mounted]", "timeouts.build=1h", "platform.keepPods=true",
			},
			want: func(r *Run) {
				r.Cluster.Workers = 3
				r.Platform.Values = map[string]any{"a": map[string]any{"b": 1, "c": "three"}, "d": []any{1, 2}}
				r.Platform.AirflowVersion, r.Platform.KeepPods = "3.1.0", true
				r.Images.PerImage = map[string]string{"x": "pull", "docker.io/minio/minio:1.0": "build"}
				r.Checks.Skip = []string{"logs.live", "dags.mounted"}
				r.Timeouts.Build = time.Hour
			},
		},
		{
			name: "a setting mends the value that it replaces a part of",
			yaml: "platform: {logs: volume}\nobjectStorage: {kind: none}\n",
			sets: []string{"platform.values={a: 1}"},
			want: func(r *Run) {
				r.Platform.Logs, r.ObjectStorage.Kind = "volume", "none"
				r.Platform.Values = map[string]any{"a": 1}
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := Default()
			test.want(&want)
			got, err := Parse("run.yaml", []byte(header+test.yaml), test.sets)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestParseReportsEveryProblemAtItsPlace(t *testing.T) {
	tests := []struct {
		name string
		yaml string
		sets []string
		want []string
	}{
		{
			name: "several, by line",
			yaml: "timeouts:\n  dagRun: 90\n  scale: 21\nplatform:\n  keepPods: yes\nnmae: x\n",
			want: []string{
				"run.yaml:3:3: timeouts.dagRun: must be a duration longer than 0 (got 90): write it with its unit, as 90s or 5m",
				"run.yaml:4:3: timeouts.scale: must be a number above 0 and at most 20 (got 21): write a number such as 1.5",
				`run.yaml:6:3: platform.keepPods: must be true or false (got "yes"): write true or false without quotes`,
				"run.yaml:7:1: nmae: is not a known key: did you mean name?",
			},
		},
		{
			name: "unknown keys", yaml: "workers: 2\nwhatever: 1\ncluster: {nodes: 3}\n",
			want: []string{
				"run.yaml:2:1: workers: is not a known key: did you mean cluster.workers?",
				"run.yaml:3:1: whatever: is not a known key: known here: apiVersion, name, profile, platform, database, objectStorage, metrics, logShipping, ingress, git, cluster, images, checks, timeouts",
				"run.yaml:4:11: cluster.nodes: is not a known key: known here: kind, kubernetes, workers, kubeconfig, context, namespace, apiPort",
			},
		},
		{
			name: "wrong types", yaml: "name: 5\ncluster: 2\nplatform: {values: [1], airflowVersion: 3.2}\nchecks: {skip: a.b}\nimages: {perImage: {x: 1}}\ndatabase: {image: }\n",
			want: []string{
				"run.yaml:2:1: name: must be text (got 5): put it in quotes",
				"run.yaml:3:10: cluster: must be a mapping (got 2): write its keys indented below it, one to a line",
				"run.yaml:4:12: platform.values: must be a mapping (got a list): write its keys indented below it, one to a line",
				"run.yaml:4:25: platform.airflowVersion: must be text (got 3.2): put it in quotes",
				`run.yaml:5:10: checks.skip: must be a list (got "a.b"): write - item, one to a line, or [item, item]`,
				"run.yaml:6:21: images.perImage.x: must be text (got 1): put it in quotes",
				`run.yaml:7:12: database.image: must be text (got nothing): write the text behind the colon, or "" for none`,
			},
		},
		{
			name: "names", yaml: "name: Local\ncluster: {namespace: -a}\nobjectStorage: {bucket: A}\n",
			want: []string{
				`run.yaml:2:1: name: must be a lower case DNS label of at most 24 characters (got "Local"): use a-z, 0-9 and -, beginning and ending with a letter or digit`,
				`run.yaml:3:11: cluster.namespace: must be a lower case DNS label of at most 63 characters (got "-a"): use a-z, 0-9 and -, beginning and ending with a letter or digit`,
				`run.yaml:4:17: objectStorage.bucket: must be a bucket name of 3 to 63 characters (got "A"): use a-z, 0-9, . and -, beginning and ending with a letter or digit`,
			},
		},
		{
			name: "a name that is too long", yaml: "name: a234567890123456789012345\n",
			want: []string{`run.yaml:2:1: name: must be a lower case DNS label of at most 24 characters (got "a234567890123456789012345"): use a-z, 0-9 and -, beginning and ending with a letter or digit`},
		},
		{
			name: "enums", yaml: "profile: cor\ndatabase: {kind: mariadb}\nplatform: {executor: CeleryExecutor}\n",
			want: []string{
				`run.yaml:2:1: profile: must be one of core, extended (got "cor"): did you mean core?`,
				`run.yaml:3:12: database.kind: must be one of postgres, mysql (got "mariadb"): choose one of these`,
				`run.yaml:4:12: platform.executor: must be KubernetesExecutor (got "CeleryExecutor"): nothing else is supported by this version`,
			},
		},
		{
			name: "images", yaml: "database: {image: postgres}\nobjectStorage: {image: localhost:5000/minio}\nimages: {airflow: apache/Airflow:3, mirror: https://mirror}\n",
			want: []string{
				`run.yaml:2:12: database.image: must be an image reference with a tag or a digest (got "postgres"): write repository:tag or repository@sha256:digest`,
				`run.yaml:3:17: objectStorage.image: must be an image reference with a tag or a digest (got "localhost:5000/minio"): write repository:tag or repository@sha256:digest`,
				`run.yaml:4:10: images.airflow: must be an image reference with a tag or a digest (got "apache/Airflow:3"): write repository:tag or repository@sha256:digest`,
				`run.yaml:4:37: images.mirror: must be host[:port][/prefix] (got "https://mirror"): leave out the scheme, write for example mirror.example.org/hub`,
			},
		},
		{
			name: "versions", yaml: "platform: {airflowVersion: 2.10.5}\ncluster: {kubernetes: v1.36}\n",
			want: []string{
				`run.yaml:2:12: platform.airflowVersion: must be a version of Airflow 3 such as 3.2.2 (got "2.10.5"): Airflow 2 is not supported yet by this version`,
				`run.yaml:3:11: cluster.kubernetes: must be a Kubernetes version such as v1.36.3 (got "v1.36"): write v and all three numbers`,
			},
		},
		{
			name: "what another key makes necessary", yaml: "platform:\n  adapter: official\ncluster:\n  kind: existing\nimages: {policy: bundle, perImage: {x: mirror}}\n",
			want: []string{
				"run.yaml:3:3: platform.chart: is required where platform.adapter is official: give the folder or the .tgz of the official chart",
				"run.yaml:5:3: cluster.kubeconfig: is required where cluster.kind is existing: give the path of the cluster's kubeconfig",
				"run.yaml:6:10: images.bundle: is required where images.policy is bundle: give the folder that `airworthy images save` made",
				"run.yaml:6:37: images.perImage.x: is mirror, but there is none: give images.mirror as host[:port][/prefix]",
			},
		},
		{
			name: "what another key excludes", yaml: "platform: {chart: run_test.go}\nobjectStorage: {kind: none}\ncluster: {context: x}\n",
			want: []string{
				`run.yaml:2:12: platform.chart: must be empty where platform.adapter is reference (got "DIR/run_test.go"): delete it, or choose the adapter of that chart`,
				`run.yaml:3:17: objectStorage.kind: must be minio where platform.logs is object-storage (got "none"): choose minio, or platform.logs: volume`,
				`run.yaml:4:11: cluster.context: must be empty where cluster.kind is kind (got "x"): delete it, or write cluster.kind: existing`,
			},
		},
		{
			name: "DAG files from Git", yaml: "platform: {dagDelivery: git-sync}\ngit: {ref: -x, subPath: /dags}\n",
			want: []string{
				`run.yaml:3:1: git.kind: must be ssh or https where platform.dagDelivery is git-sync (got "none"): choose one, or another platform.dagDelivery`,
				`run.yaml:3:7: git.ref: must be a branch, a tag or a full hash (got "-x"): write for example main`,
				`run.yaml:3:16: git.subPath: must be a folder of the repository (got "/dags"): write for example dags, without a slash at either end`,
			},
		},
		{
			name: "a repository that nothing uses", yaml: "git: {kind: ssh, period: 0s}\n",
			want: []string{
				`run.yaml:2:7: git.kind: must be none where platform.dagDelivery is mounted (got "ssh"): delete it, or write platform.dagDelivery: git-sync`,
				`run.yaml:2:18: git.period: must be a duration longer than 0 (got "0s"): write it with its unit, as 90s or 5m`,
			},
		},
		{
			name: "TLS to MySQL", yaml: "database:\n  kind: mysql\n  tls: verify-full\n",
			want: []string{`run.yaml:4:3: database.tls: must be none where database.kind is mysql (got "verify-full"): delete it, or write database.kind: postgres`},
		},
		{
			name: "TLS to a pooler", yaml: "database: {tls: verify-full, pooler: pgbouncer}\n",
			want: []string{`run.yaml:2:12: database.tls: must be none where database.pooler is pgbouncer (got "verify-full"): delete one of the two: the pooler speaks to the components in the clear`},
		},
		{
			name: "TLS of a chart that is not told the authority", yaml: "database: {tls: verify-full}\nplatform: {adapter: official, chart: load.go}\n",
			want: []string{`run.yaml:2:12: database.tls: must be none where platform.adapter is official (got "verify-full"): delete it: in this version only the reference platform is given the authority's certificate`},
		},
		{
			name: "a pooler before MySQL", yaml: "database:\n  kind: mysql\n  pooler: pgbouncer\n",
			want: []string{`run.yaml:4:3: database.pooler: must be none where database.kind is mysql (got "pgbouncer"): delete it, or write database.kind: postgres`},
		},
		{
			name: "a pooler before the official chart", yaml: "database: {pooler: pgbouncer, poolerImage: pgbouncer}\nplatform: {adapter: official, chart: load.go}\n",
			want: []string{
				`run.yaml:2:12: database.pooler: must be none where platform.adapter is official (got "pgbouncer"): delete it: in this version only the reference platform is put behind a pooler`,
				`run.yaml:2:31: database.poolerImage: must be an image reference with a tag or a digest (got "pgbouncer"): write repository:tag or repository@sha256:digest`,
			},
		},
		{
			name: "a Graylog without its stores", yaml: "logShipping:\n  kind: graylog\n  graylog: graylog/graylog:6.1\n",
			want: []string{
				`run.yaml:2:1: logShipping.search: must be given where another of logShipping's graylog, search and metadata is (got ""): name all three, as their versions must go together, or none of them`,
				`run.yaml:2:1: logShipping.metadata: must be given where another of logShipping's graylog, search and metadata is (got ""): name all three, as their versions must go together, or none of them`,
			},
		},
		{
			name: "a network policy without an ingress", yaml: "ingress:\n  networkPolicy: true\n",
			want: []string{
				`run.yaml:3:3: ingress.networkPolicy: must be false where ingress.kind is none (got true): delete it, or choose an ingress.kind: nobody would reach the API server`,
			},
		},
		{
			name: "workers on an existing cluster", yaml: "cluster: {kind: existing, kubeconfig: load.go, workers: 2, kubernetes: v1.36.3}\n",
			want: []string{
				`run.yaml:2:48: cluster.workers: must be 0 where cluster.kind is existing (got 2): delete it, the cluster has the nodes it has`,
				`run.yaml:2:60: cluster.kubernetes: must be empty where cluster.kind is existing (got "v1.36.3"): delete it, the cluster has the version it has`,
			},
		},
		{
			name: "files that are not there", yaml: "platform: {adapter: official, chart: charts/airflow.tgz}\ncluster: {kind: existing, kubeconfig: ~/.kube/config}\n",
			want: []string{
				"run.yaml:2:31: platform.chart: must be the path of a chart's folder or .tgz (looked at DIR/charts/airflow.tgz: nothing is there): mend the path, or put the chart there",
				"run.yaml:3:27: cluster.kubeconfig: must be the path of a kubeconfig (looked at DIR/~/.kube/config: nothing is there): ~ is not expanded, write the whole path",
			},
		},
		{
			name: "check ids", yaml: "checks:\n  skip:\n  - executor\n  - Logs.live\n",
			want: []string{
				"run.yaml:4:5: checks.skip[0]: must be a check id such as executor.pod_per_task (got \"executor\"): `airworthy checks` lists them",
				"run.yaml:5:5: checks.skip[1]: must be a check id such as executor.pod_per_task (got \"Logs.live\"): `airworthy checks` lists them",
			},
		},
		{
			name: "duplicate keys, also in values", yaml: "name: a\nname: b\nplatform: {values: {x: {y: 1, y: 2}}}\n",
			want: []string{
				"run.yaml:3:1: name: is given twice (first in line 2): delete one of the two",
				"run.yaml:4:31: platform.values.x.y: is given twice (first in line 4): delete one of the two",
			},
		},
		{
			name: "values that a chart cannot have", yaml: "platform: {values: {1: a, b: .inf, c: !!binary aGk=}}\n",
			want: []string{
				"run.yaml:2:21: platform.values: must be a mapping with text for keys (got 1): put the key in quotes",
				"run.yaml:2:30: platform.values.b: must be a finite number (got .inf): put it in quotes if text is meant",
				"run.yaml:2:39: platform.values.c: has the tag !!binary, which chart values cannot carry: remove it",
			},
		},
		{
			name: "an anchor inside itself", yaml: "platform: {values: &v {a: *v}}\n",
			want: []string{"run.yaml:2:27: platform.values.a.a: is an alias inside its own anchor &v: remove it"},
		},
		{
			name: "settings", sets: []string{"cluster.workers=many", "foo", "cluster.nodes=1", "name.x=1", "platform.values=[", "images.policy=mirror", "cluster.workers=-1"},
			want: []string{
				`--set cluster.workers=many: cluster.workers: must be a whole number from 0 to 9 (got "many"): write digits only`,
				"--set foo: must be key.path=value: write for example cluster.workers=2",
				"--set cluster.nodes=1: cluster.nodes: is not a known key: known here: kind, kubernetes, workers, kubeconfig, context, namespace, apiPort",
				"--set name.x=1: name.x: is not a key: name has no keys below it",
				"--set platform.values=[: platform.values: is not valid YAML: line 1: did not find expected node content",
				"--set cluster.workers=-1: cluster.workers: must be a whole number from 0 to 9 (got -1): write digits only",
				"--set images.policy=mirror: images.mirror: is required where images.policy is mirror: give the mirror as host[:port][/prefix]",
			},
		},
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("run.yaml", []byte(header+test.yaml), test.sets)
			var problems *Error
			if !errors.As(err, &problems) {
				t.Fatalf("got error %v", err)
			}
			if got, want := strings.ReplaceAll(err.Error(), dir, "DIR"), strings.Join(test.want, "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestParseRefusesWhatIsNoRunFile(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"empty", "", "run.yaml:1:1: apiVersion: is required: write apiVersion: airworthy.dev/v1alpha1"},
		{"another version", "apiVersion: v1\n", `run.yaml:1:1: apiVersion: must be airworthy.dev/v1alpha1 (got "v1"): nothing else is supported by this version`},
		{"no YAML", "apiVersion: airworthy.dev/v1alpha1\nname: [\n", "run.yaml:2:1: is not valid YAML: did not find expected node content"},
		{"a list", "- a\n", "run.yaml:1:1: must be a mapping (got a list): write its keys indented below it, one to a line"},
		{"two documents", header + "---\n" + header, "run.yaml:2:1: must be one YAML document (got a second one): split the file at ---"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("run.yaml", []byte(test.data), nil)
			if err == nil || err.Error() != test.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}

func TestLoadTakesPathsFromTheFolderOfTheFile(t *testing.T) {
	dir := t.TempDir()
	chart, file := filepath.Join(dir, "chart"), filepath.Join(dir, "below", "run.yaml")
	for _, folder := range []string{chart, filepath.Dir(file)} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, []byte(header+"platform: {adapter: official, chart: ../chart}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run, err := Load(file, nil)
	if err != nil || run.Platform.Chart != chart {
		t.Errorf("got %q, %v, want %q", run.Platform.Chart, err, chart)
	}
	t.Chdir(dir)
	run, err = Load(file, []string{"platform.chart=chart"})
	if err != nil || run.Platform.Chart != chart {
		t.Errorf("from a setting: got %q, %v, want %q", run.Platform.Chart, err, chart)
	}
	if _, err = Load(filepath.Join(dir, "none.yaml"), nil); err == nil || !strings.HasPrefix(err.Error(), "read run file: open "+dir+"/none.yaml: no such file or directory: ") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestParseBoundsWhatAnchorsExpandTo(t *testing.T) {
	var yaml strings.Builder
	yaml.WriteString(header + "platform:\n  values:\n    a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n")
	for i := 1; i < 8; i++ {
		n, m := string(rune('0'+i)), string(rune('0'+i-1))
		yaml.WriteString("    a" + n + ": &a" + n + " [" + strings.TrimSuffix(strings.Repeat("*a"+m+", ", 10), ", ") + "]\n")
	}
	_, err := Parse("run.yaml", []byte(yaml.String()), nil)
	if err == nil || !strings.Contains(err.Error(), "holds more than 100000 values once its anchors are expanded") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %.300v", err)
	}
}
