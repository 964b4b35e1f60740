package images

import "testing"

func TestFilesOver(t *testing.T) {
	files := Files{Folder: "/opt/airflow/dags", Content: map[string]string{"one.py": "1"}, UID: 50000}
	other := Files{Folder: "/opt/airflow/dags", Content: map[string]string{"one.py": "2"}, UID: 50000}
	for _, row := range []struct {
		name  string
		files Files
		base  Ref
		want  Ref
	}{
		{"a tag", files, "apache/airflow:3.2.2", "airworthy.local/airflow-with-files:3.2.2-" + Ref(files.hash())},
		{"a registry with a port", files, "registry.example:5000/team/airflow:a", "airworthy.local/airflow-with-files:a-" + Ref(files.hash())},
		{"a digest", files, "apache/airflow@sha256:0000000000000000000000000000000000000000000000000000000000000000", "airworthy.local/airflow-with-files:digest-" + Ref(files.hash())},
		{"other content", other, "apache/airflow:3.2.2", "airworthy.local/airflow-with-files:3.2.2-" + Ref(other.hash())},
		{"no image name", files, "Not A Name", "Not A Name"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.files.Over(row.base); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
	if files.hash() == other.hash() {
		t.Error("other content has the same hash")
	}
}
