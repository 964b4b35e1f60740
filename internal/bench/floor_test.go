package bench

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/environment"
)

// What runs beside the cluster belongs to the stack as its node does.
func TestStackCPU(t *testing.T) {
	seconds := map[string]int{"airworthy-bench-control-plane": 40, "airworthy-bench-postgres": 3, "airworthy-bench-graylog": 20}
	listed := func(filters string) string {
		switch {
		case strings.Contains(filters, environment.LabelStack+"=bench"):
			return `[{"Id":"1","Names":["/airworthy-bench-postgres"]},{"Id":"2","Names":["/airworthy-bench-graylog"]}]`
		case strings.Contains(filters, "io.x-k8s.kind.cluster=airworthy-bench"):
			return `[{"Id":"3","Names":["/airworthy-bench-control-plane"]}]`
		}
		return `[{"Id":"4","Names":["/somebody-elses"]}]`
	}
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		part := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/") // version, what, name, ...
		switch {
		case strings.HasSuffix(r.URL.Path, "/containers/json"):
			fmt.Fprint(w, listed(r.URL.Query().Get("filters")))
		case strings.HasSuffix(r.URL.Path, "/networks"):
			fmt.Fprint(w, `[]`)
		case strings.HasSuffix(r.URL.Path, "/volumes"):
			fmt.Fprint(w, `{}`)
		case strings.HasSuffix(r.URL.Path, "/stats") && seconds[part[2]] > 0:
			fmt.Fprintf(w, `{"cpu_stats":{"cpu_usage":{"total_usage":%d}}}`, time.Duration(seconds[part[2]])*time.Second)
		default:
			http.NotFound(w, r)
		}
	}))
	defer engine.Close()
	docker, err := client.New(client.WithHost("tcp://"+engine.Listener.Addr().String()), client.WithAPIVersion("1.44"))
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	got, err := Options{Run: config.Run{Name: "bench"}, Docker: docker}.stackCPU(t.Context())
	if want := 63 * time.Second; got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
