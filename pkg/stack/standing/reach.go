package standing

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service"
)

// Reach gives the endpoint an address on this machine. A service inside the
// cluster gets one by a forwarded port, which is open until the returned
// function is called or ctx ends.
func Reach(ctx context.Context, cfg *rest.Config, e service.Endpoint) (service.Endpoint, func(), error) {
	if e.Behind == nil || e.FromHost != "" {
		return e, func() {}, nil
	}
	client, err := kube.New(cfg, e.Behind.Namespace)
	if err != nil {
		return e, func() {}, err
	}
	address, closing, err := client.Relay(ctx, e.Behind.Service, e.Behind.Port)
	if err != nil {
		return e, closing, fmt.Errorf("reach service %s of the cluster: %w", e.Behind.Service, err)
	}
	e.FromHost = address
	return e, closing, nil
}

// ReachAirflow gives the address of UI and API on this machine: url, or a
// forwarded port where the stack has none, which is open until the returned
// function is called or ctx ends.
func ReachAirflow(ctx context.Context, cluster *kube.Client, url string, r platform.Release) (string, func(), error) {
	if url != "" {
		return url, func() {}, nil
	}
	address, closing, err := cluster.Relay(ctx, r.APIService, r.APIPort)
	if err != nil {
		return "", closing, fmt.Errorf("forward a port to Airflow's API: %w", err)
	}
	return "http://" + address + r.APIPath, closing, nil
}
