package stack

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/addon"
	"github.com/airworthy/airworthy/pkg/service/pebble"
)

const (
	pebbleImage = "ghcr.io/letsencrypt/pebble:2.10.1"
	solverImage = "quay.io/jetstack/cert-manager-acmesolver:v1.21.2"

	ingressAddon = "ingress"

	// The cluster issuers of fixtures/addons/certificates; the CA's certificate
	// lies in a secret of the issuer's name.
	issuerCA   = "airworthy-ca"
	issuerACME = "airworthy-acme"
)

func hasIngress(run config.Run) bool { return run.Ingress.Kind != "none" }

func usesACME(run config.Run) bool { return hasIngress(run) && run.Ingress.Certificates == "acme" }

// ingressSpec is what the platform is told of its ingress.
func ingressSpec(run config.Run) platform.IngressSpec {
	if !hasIngress(run) {
		return platform.IngressSpec{}
	}
	spec := platform.IngressSpec{
		Host: run.Ingress.Host, Path: run.Ingress.Path, Issuer: issuerCA,
		ACME: usesACME(run), HSTS: run.Ingress.HSTS > 0, Policy: run.Ingress.NetworkPolicy,
		Namespace: addonPlace(run).Namespace, Pods: map[string]string{addon.Label: ingressAddon},
	}
	if spec.ACME {
		spec.Issuer = issuerACME
	}
	return spec
}

// ingressPorts are the node ports that the ingress is reached by.
func ingressPorts(run config.Run) []environment.Port {
	if !hasIngress(run) {
		return nil
	}
	return []environment.Port{{Node: environment.HTTPNodePort}, {Node: environment.HTTPSNodePort}}
}

// ingressAddons are the ingress controller and what keeps its certificates.
func ingressAddons(h Handoff) []addon.Addon {
	if !hasIngress(h.Run) {
		return nil
	}
	controller := map[string]any{"hsts": h.Run.Ingress.HSTS}
	certificates := map[string]any{"label": environment.LabelStack + "=" + h.Run.Name}
	both := []addon.Addon{{Name: "certificates", Values: certificates}, {Name: ingressAddon, Values: controller}}
	if h.Run.Cluster.Kind == environment.KindKind {
		controller["nodePorts"] = map[string]any{"http": environment.HTTPNodePort, "https": environment.HTTPSNodePort}
	}
	if !usesACME(h.Run) {
		return both
	}
	both[0].Images = []string{solverImage}
	certificates["acme"] = map[string]any{
		"enabled": true, "server": pebble.Directory(placeholder(h.ACME)),
		"caBundle": base64.StdEncoding.EncodeToString([]byte(h.ACMECertificate)),
	}
	if address := nodeAddress(h); address != "" {
		// No DNS knows the name: the controller, which looks at a challenge before
		// the server does, finds it at the node's address, as the server does.
		certificates["hostAliases"] = []any{map[string]any{"ip": address, "hostnames": []any{h.Run.Ingress.Host}}}
		controller["externalIPs"] = []any{address}
	}
	return both
}

// nodeAddress is where the cluster's node ports answer inside its network.
func nodeAddress(h Handoff) string {
	if len(h.Cluster.Addresses) == 0 {
		return ""
	}
	return h.Cluster.Addresses[0]
}

// upACME starts the ACME server. It needs the cluster: the server is told where
// the name of the ingress is.
func (u *up) upACME(ctx context.Context) func(func(string)) error {
	return func(waiting func(string)) error {
		ctx, cancel := context.WithTimeout(ctx, u.timeouts.Service)
		defer cancel()
		image, err := find(u.h.Images, pebbleImage, images.RoleService)
		if err != nil {
			return err
		}
		waiting("pebble to answer")
		handle, err := pebble.Run(ctx, image.Local, u.placement("pebble"), pebble.WithHost(u.Run.Ingress.Host, nodeAddress(u.h)))
		if err != nil {
			return fmt.Errorf("start the ACME server: %w", err)
		}
		u.h.ACME, u.h.ACMECertificate = handle.Endpoint(), string(handle.CA())
		root, err := handle.Root(ctx)
		if err != nil {
			return fmt.Errorf("ask the ACME server for its root certificate: %w", err)
		}
		u.h.Ingress.CA = string(root)
		return nil
	}
}

// reachIngress finds where this machine reaches the ingress, and the CA that
// its certificate must verify against.
func (u *up) reachIngress(ctx context.Context) error {
	if !hasIngress(u.Run) {
		return nil
	}
	if reacher, ok := u.cluster.(environment.HostReacher); ok {
		u.h.Ingress.HTTP, _ = reacher.HostAddress(environment.HTTPNodePort)
		u.h.Ingress.HTTPS, _ = reacher.HostAddress(environment.HTTPSNodePort)
	}
	u.h.Ingress.Namespace = addonPlace(u.Run).Namespace
	if usesACME(u.Run) {
		return nil // the server was asked when it started
	}
	client, err := kubernetes.NewForConfig(u.cluster.REST())
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, u.timeouts.Observe)
	defer cancel()
	certificate, err := await.Until(ctx, "the CA's certificate to be issued", 200*time.Millisecond,
		func(ctx context.Context) ([]byte, error) {
			secret, err := client.CoreV1().Secrets(u.h.Ingress.Namespace).Get(ctx, issuerCA, metav1.GetOptions{})
			if err != nil {
				return nil, fmt.Errorf("get secret %s: %w", issuerCA, err)
			}
			return secret.Data["tls.crt"], nil
		},
		func(certificate []byte) error {
			if len(certificate) == 0 {
				return errors.New("the secret holds no certificate yet")
			}
			return nil
		})
	u.h.Ingress.CA = string(certificate)
	return err
}
