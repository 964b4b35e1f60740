package harness

import (
	"context"
	"fmt"
	"io"
	"sync"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/graylog"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// clients are the connections of one process to the standing stack.
type clients struct {
	airflow airflow.Client
	url     string // where airflow is reached
	kube    *kube.Client
	objects *miniogo.Client // nil when the stack has no object storage
	metrics prometheus.API  // nil until a check asked for it
	grafana *shownIn        // likewise
	// logStore is nil when no logs are shipped.
	logStore *graylog.Client
	// database is the metadata database as this process reaches it.
	database service.Endpoint
	// objectStore is where this process reaches the object store.
	objectStore string
	calls       *switchedWriter

	ingressOnce sync.Mutex
	ingress     *ingress // nil until it is asked for
}

func newClients(ctx context.Context, h standing.Stack) (*clients, error) {
	c := &clients{calls: &switchedWriter{}}
	config, err := clientcmd.RESTConfigFromKubeConfig(h.Cluster.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig of the stack: %w", err)
	}
	if c.kube, err = kube.New(config, h.Release.Namespace); err != nil {
		return nil, err
	}
	// Forwarded ports are open until the process ends: ctx ends with the suite's
	// own set-up.
	open := context.WithoutCancel(ctx)
	if c.url, _, err = standing.ReachAirflow(open, c.kube, h.AirflowURL, h.Release); err != nil {
		return nil, err
	}
	if c.airflow, err = connect(ctx, h, airflow.Options{URL: c.url, User: h.AdminUser, Password: h.AdminPassword, Record: c.calls}); err != nil {
		return nil, err
	}
	if c.database, _, err = standing.Reach(open, config, h.Database); err != nil {
		return nil, err
	}
	storage, _, err := standing.Reach(open, config, h.ObjectStorage)
	if err != nil {
		return nil, err
	}
	if c.objectStore = storage.FromHost; c.objectStore != "" {
		if c.objects, err = objectsAs(c.objectStore, h.ObjectStorage.User, h.ObjectStorage.Secret); err != nil {
			return nil, err
		}
	}
	if h.LogStore.FromHost != "" {
		c.logStore = graylog.New(h.LogStore.FromHost, h.LogStore.User, h.LogStore.Secret)
	}
	return c, nil
}

func objectsAs(address, user, secret string) (*miniogo.Client, error) {
	client, err := miniogo.New(address, &miniogo.Options{Creds: credentials.NewStaticV4(user, secret, "")})
	if err != nil {
		return nil, fmt.Errorf("make a client of the object storage: %w", err)
	}
	return client, nil
}

func connect(ctx context.Context, h standing.Stack, o airflow.Options) (airflow.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, h.Run.Timeouts.Scaled().Observe)
	defer cancel()
	return airflow.Connect(ctx, o, everyDAG)
}

// recordTo keeps the API calls of a spec with its evidence; nil stops.
func (c *clients) recordTo(s *Session) {
	if s == nil {
		c.calls.to(nil)
		return
	}
	c.calls.to(s.recorder.Log("api-calls"))
}

// switchedWriter writes to whatever it was last given: one client serves the
// specs of a process one after the other.
type switchedWriter struct {
	mu     sync.Mutex
	target io.Writer
}

func (w *switchedWriter) to(target io.Writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = target
}

func (w *switchedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.target == nil {
		return len(p), nil
	}
	return w.target.Write(p)
}
