package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/platform"
)

const (
	everyRequest = 300 * time.Millisecond
	oneRequest   = 15 * time.Second // a handshake or question that takes longer is tried again
	onePage      = time.Minute      // the first page after a start of the API server costs it imports
)

// ingress reaches the platform as people do: by its name, through the ingress,
// wherever that is on this machine.
type ingress struct {
	host, path string
	at         platform.Reached
	roots      *x509.CertPool
}

// ingress gives the ingress of the stack, with forwarded ports where the
// cluster publishes none on this machine. Those stay open until the process ends.
func (s *Session) ingress(ctx context.Context) (*ingress, error) {
	c := s.suite.clients
	c.ingressOnce.Lock()
	defer c.ingressOnce.Unlock()
	if c.ingress != nil {
		return c.ingress, nil
	}
	asked, at := s.Asked().Ingress, s.suite.stack.Ingress
	i := &ingress{host: asked.Host, path: strings.TrimSuffix(asked.Path, "/"), at: at, roots: x509.NewCertPool()}
	if !i.roots.AppendCertsFromPEM([]byte(at.CA)) {
		return nil, errors.New("the stack's description holds no certificate of the authority that issues")
	}
	forward := func(address *string, port int) (err error) {
		if *address == "" {
			*address, _, err = c.kube.In(at.Namespace).Relay(context.WithoutCancel(ctx), "ingress", port)
		}
		return err
	}
	if err := errors.Join(forward(&i.at.HTTP, 80), forward(&i.at.HTTPS, 443)); err != nil {
		return nil, fmt.Errorf("reach the ingress: %w", err)
	}
	c.ingress = i
	return i, nil
}

// url of a path of the platform.
func (i *ingress) url(path string) string { return "https://" + i.host + i.path + path }

// transport resolves the ingress's name and nothing else.
func (i *ingress) transport() *http.Transport {
	return &http.Transport{
		TLSClientConfig:    &tls.Config{RootCAs: i.roots, MinVersion: tls.VersionTLS12},
		DisableCompression: true, MaxIdleConnsPerHost: 4,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			switch address {
			case i.host + ":443":
				address = i.at.HTTPS
			case i.host + ":80":
				address = i.at.HTTP
			default:
				return nil, fmt.Errorf("the platform leads to %s, which is not behind its ingress", address)
			}
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		},
	}
}

// client follows no redirects: where they lead is a fact.
func (i *ingress) client(jar http.CookieJar) *http.Client {
	return &http.Client{
		Transport: i.transport(), Jar: jar, Timeout: onePage,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Reply is an answer that came through the ingress.
type Reply struct {
	URL      string `json:"url"`
	Status   int    `json:"status"`
	Location string `json:"location,omitempty"` // where a redirect leads
	HSTS     string `json:"hsts,omitempty"`     // Strict-Transport-Security
	Type     string `json:"type,omitempty"`
	Body     string `json:"body,omitempty"` // its beginning
}

func reply(client *http.Client, request *http.Request) (Reply, error) {
	r := Reply{URL: request.URL.String()}
	answer, err := client.Do(request)
	if err != nil {
		return r, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if err != nil {
		return r, fmt.Errorf("read the answer of %s: %w", r.URL, err)
	}
	r.Status, r.Location, r.HSTS = answer.StatusCode, answer.Header.Get("Location"), answer.Header.Get("Strict-Transport-Security")
	r.Type, r.Body = answer.Header.Get("Content-Type"), string(body)
	return r, nil
}

// routed waits while the controller does not serve the host yet: right after an
// install it may still be reading what to serve.
func (s *Session) routed(ctx context.Context, client *http.Client, url string) (Reply, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	r, err := await.Until(ctx, "an answer of "+url, everyRequest,
		func(ctx context.Context) (Reply, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return Reply{}, await.Stop(err)
			}
			return reply(client, request)
		},
		func(r Reply) error {
			if r.Status == http.StatusNotFound || r.Status >= 500 {
				return fmt.Errorf("it answers %d: %.100q", r.Status, r.Body)
			}
			return nil
		})
	r.Body = fmt.Sprintf("%.300s", r.Body)
	s.fact("reply", r)
	return r, err
}

// ByHTTP asks for a path of the platform in the clear.
func (s *Session) ByHTTP(ctx context.Context, path string) (Reply, error) {
	i, err := s.ingress(ctx)
	if err != nil {
		return Reply{}, err
	}
	return s.routed(ctx, i.client(nil), "http://"+i.host+i.path+path)
}

// ByHTTPS asks for a path of the platform.
func (s *Session) ByHTTPS(ctx context.Context, path string) (Reply, error) {
	i, err := s.ingress(ctx)
	if err != nil {
		return Reply{}, err
	}
	return s.routed(ctx, i.client(nil), i.url(path))
}

// IngressURL is the address of a path of the platform.
func (s *Session) IngressURL(path string) string {
	asked := s.Asked().Ingress
	return "https://" + asked.Host + strings.TrimSuffix(asked.Path, "/") + path
}

// ThroughIngress is a client of Airflow's API that goes through the ingress and
// verifies its certificate.
func (s *Session) ThroughIngress(ctx context.Context) (airflow.Client, error) {
	i, err := s.ingress(ctx)
	if err != nil {
		return nil, err
	}
	stack := s.suite.stack
	return connect(ctx, stack, airflow.Options{
		URL: i.url(""), User: stack.AdminUser, Password: stack.AdminPassword,
		Record: s.suite.clients.calls, Transport: i.transport(),
	})
}

// Block ends the spec as one that cannot be tried here.
func (s *Session) Block(reason string) {
	s.blocked = reason
	ginkgo.Fail("blocked: "+reason, 1)
}
