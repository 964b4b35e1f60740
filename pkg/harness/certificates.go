package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/kube"
)

// Handshake is what the ingress showed to a client that asked for its name.
type Handshake struct {
	Version   string    `json:"version"`
	Serial    string    `json:"serial"`
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	// Unverified says why the chain does not verify for the name against the
	// issuing authority; empty when it does.
	Unverified string `json:"unverified,omitempty"`
	// Old are the versions before 1.2 that the ingress speaks when asked to.
	Old []string `json:"old,omitempty"`

	leaf *x509.Certificate
}

// Handshake waits until the ingress serves a certificate that verifies, and
// gives what was served last, with the reason, when it does not come to that.
func (s *Session) Handshake(ctx context.Context) (Handshake, error) {
	i, err := s.ingress(ctx)
	if err != nil {
		return Handshake{}, err
	}
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	h, err := await.Until(ctx, "a certificate for "+i.host+" that verifies", everyRequest, i.handshake,
		func(h Handshake) error {
			if h.Unverified != "" {
				return errors.New(h.Unverified)
			}
			return nil
		})
	if err == nil {
		h.Old = i.oldVersions(ctx)
	}
	s.fact("handshake", h)
	return h, err
}

// handshake verifies by hand: a certificate that does not verify is a fact, too.
func (i *ingress) handshake(ctx context.Context) (Handshake, error) {
	state, err := i.shake(ctx, &tls.Config{ServerName: i.host, InsecureSkipVerify: true}) //nolint:gosec // verified below
	if err != nil {
		return Handshake{}, fmt.Errorf("shake hands with %s: %w", i.host, err)
	}
	leaf := state.PeerCertificates[0]
	h := Handshake{
		Version: tls.VersionName(state.Version), Serial: leaf.SerialNumber.Text(16), Subject: leaf.Subject.String(),
		Issuer: leaf.Issuer.String(), Names: leaf.DNSNames, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, leaf: leaf,
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: i.host, Roots: i.roots, Intermediates: between})
	if err != nil {
		h.Unverified = fmt.Sprintf("%v (it was issued by %q for %q)", err, h.Issuer, h.Names)
	}
	return h, nil
}

// oldVersions tries the versions of TLS that nobody should speak any more.
func (i *ingress) oldVersions(ctx context.Context) []string {
	var spoken []string
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		_, err := i.shake(ctx, &tls.Config{ServerName: i.host, RootCAs: i.roots, MinVersion: version, MaxVersion: version})
		if err == nil {
			spoken = append(spoken, tls.VersionName(version))
		}
	}
	return spoken
}

func (i *ingress) shake(ctx context.Context, config *tls.Config) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, oneRequest)
	defer cancel()
	d := tls.Dialer{Config: config, NetDialer: &net.Dialer{}}
	conn, err := d.DialContext(ctx, "tcp", i.at.HTTPS)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState(), nil
}

var (
	certificates = schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}
	orders       = schema.GroupVersionResource{Group: "acme.cert-manager.io", Version: "v1", Resource: "orders"}
)

// Renewal is a certificate before and after cert-manager renewed it.
type Renewal struct {
	Before Handshake      `json:"before"`
	After  Handshake      `json:"after"`
	Took   time.Duration  `json:"took"` // from the order to the first new handshake
	Pods   []kube.PodFact `json:"pods"` // of the ingress controller, before
	Now    []kube.PodFact `json:"now"`  // and after
}

// RenewCertificate has cert-manager renew the certificate of the ingress, the
// way its own command line does, and waits until another one is served.
func (s *Session) RenewCertificate(ctx context.Context) (r Renewal, err error) {
	i, err := s.ingress(ctx)
	if err != nil {
		return r, err
	}
	defer func() { s.fact("renewal", r) }()
	if r.Before, err = s.Handshake(ctx); err != nil {
		return r, err
	}
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	if r.Pods, err = s.ingressPods(ctx); err != nil {
		return r, err
	}
	began := time.Now()
	if err := s.orderRenewal(ctx, i.host); err != nil {
		return r, err
	}
	r.After, err = await.Until(ctx, "the ingress to serve a renewed certificate", everyRequest, i.handshake,
		func(h Handshake) error {
			switch {
			case h.Serial == r.Before.Serial:
				return fmt.Errorf("it still serves number %s", h.Serial)
			case h.Unverified != "":
				return errors.New(h.Unverified)
			}
			return nil
		})
	r.Took = time.Since(began)
	if err != nil {
		return r, errors.Join(err, s.certificateTrouble(i.host, r.After.Serial))
	}
	r.Now, err = s.ingressPods(ctx)
	return r, err
}

func (s *Session) ingressPods(ctx context.Context) ([]kube.PodFact, error) {
	return s.suite.clients.kube.In(s.suite.stack.Ingress.Namespace).Pods(ctx, "app.kubernetes.io/name=traefik")
}

func (s *Session) resources(r schema.GroupVersionResource) (dynamic.ResourceInterface, error) {
	client, err := dynamic.NewForConfig(s.suite.clients.kube.REST())
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", r.Resource, err)
	}
	return client.Resource(r).Namespace(s.suite.clients.kube.Namespace()), nil
}

// certificate finds cert-manager's resource for a name.
func (s *Session) certificate(ctx context.Context, host string) (*unstructured.Unstructured, error) {
	client, err := s.resources(certificates)
	if err != nil {
		return nil, err
	}
	list, err := client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list certificates: %w", err)
	}
	for i := range list.Items {
		names, _, _ := unstructured.NestedStringSlice(list.Items[i].Object, "spec", "dnsNames")
		if slices.Contains(names, host) {
			return &list.Items[i], nil
		}
	}
	return nil, fmt.Errorf("none of the %d certificates is for %s", len(list.Items), host)
}

// orderRenewal sets the condition Issuing, by which cert-manager's own command
// line asks for a renewal before its time.
func (s *Session) orderRenewal(ctx context.Context, host string) error {
	certificate, err := s.certificate(ctx, host)
	if err != nil {
		return err
	}
	conditions, _, err := unstructured.NestedSlice(certificate.Object, "status", "conditions")
	if err != nil {
		return fmt.Errorf("read the conditions of certificate %s: %w", certificate.GetName(), err)
	}
	conditions = slices.DeleteFunc(conditions, func(c any) bool {
		condition, _ := c.(map[string]any)
		return condition["type"] == "Issuing"
	})
	conditions = append(conditions, map[string]any{
		"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "airworthy asked for a renewal",
		"lastTransitionTime": time.Now().UTC().Format(time.RFC3339), "observedGeneration": certificate.GetGeneration(),
	})
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": conditions}})
	if err != nil {
		return fmt.Errorf("order a renewal: %w", err)
	}
	client, err := s.resources(certificates)
	if err != nil {
		return err
	}
	_, err = client.Patch(ctx, certificate.GetName(), types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return fmt.Errorf("order a renewal of certificate %s: %w", certificate.GetName(), err)
	}
	return nil
}

// certificateTrouble says what cert-manager says of a certificate, and whether
// its Secret holds the one that is served. It is asked when time has run out, so
// it takes some of its own.
func (s *Session) certificateTrouble(host, served string) error {
	ctx, cancel := context.WithTimeout(context.Background(), oneRequest)
	defer cancel()
	certificate, err := s.certificate(ctx, host)
	if err != nil {
		return err
	}
	conditions, _, _ := unstructured.NestedSlice(certificate.Object, "status", "conditions")
	var said []string
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		said = append(said, fmt.Sprintf("%v=%v: %v", condition["type"], condition["status"], condition["message"]))
	}
	said = append(said, s.inSecret(ctx, certificate, served))
	return fmt.Errorf("certificate %s: %s", certificate.GetName(), strings.Join(said, "; "))
}

// inSecret says which certificate lies where cert-manager puts it.
func (s *Session) inSecret(ctx context.Context, certificate *unstructured.Unstructured, served string) string {
	name, _, _ := unstructured.NestedString(certificate.Object, "spec", "secretName")
	secret, err := s.suite.clients.kube.Typed().CoreV1().Secrets(certificate.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Sprintf("its Secret %s cannot be read: %v", name, err)
	}
	return fmt.Sprintf("its Secret %s holds %s", name, held(secret.Data["tls.crt"], served))
}

// held names the first certificate of a PEM file beside the number that is served.
func held(file []byte, served string) string {
	block, _ := pem.Decode(file)
	if block == nil {
		return "no certificate"
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		return fmt.Sprintf("no certificate: %v", err)
	case leaf.SerialNumber.Text(16) == served:
		return "the one that is served"
	}
	return fmt.Sprintf("number %s, which is not served", leaf.SerialNumber.Text(16))
}

// Order is one of cert-manager's to an ACME server.
type Order struct {
	Name       string   `json:"name"`
	State      string   `json:"state"`
	Names      []string `json:"names"`
	Challenges []string `json:"challenges"` // the kinds that the server offered
}

// ACMEOrders gives the orders that were made for the name of the ingress.
func (s *Session) ACMEOrders(ctx context.Context) ([]Order, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	client, err := s.resources(orders)
	if err != nil {
		return nil, err
	}
	list, err := client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list ACME orders: %w", err)
	}
	var found []Order
	for _, item := range list.Items {
		o := Order{Name: item.GetName()}
		o.Names, _, _ = unstructured.NestedStringSlice(item.Object, "spec", "dnsNames")
		o.State, _, _ = unstructured.NestedString(item.Object, "status", "state")
		authorizations, _, _ := unstructured.NestedSlice(item.Object, "status", "authorizations")
		for _, a := range authorizations {
			authorization, _ := a.(map[string]any)
			challenges, _, _ := unstructured.NestedSlice(authorization, "challenges")
			for _, c := range challenges {
				challenge, _ := c.(map[string]any)
				o.Challenges = append(o.Challenges, fmt.Sprint(challenge["type"]))
			}
		}
		if slices.Contains(o.Names, s.Asked().Ingress.Host) {
			found = append(found, o)
		}
	}
	s.fact("acme-orders", found)
	return found, nil
}
