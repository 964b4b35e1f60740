// Package graylog runs Graylog beside the cluster, with the two stores that it
// needs: a search engine for messages, a database for settings.
package graylog

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sync/errgroup"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/graylog"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/internal/container"
)

// Ports inside the containers.
const (
	apiPort      = "9000"
	gelfPort     = "12201"
	searchPort   = "9200"
	metadataPort = "27017"
)

// InputTitle names the input that GELF messages come in by.
const InputTitle = "airworthy GELF TCP"

// Images are by the names that the container engine holds them under.
type Images struct {
	Server, Search, Metadata string

	// Built are those of this project's recipes, whose Java machines take any
	// options. Upstream's images choose a garbage collector by themselves, and a
	// second one on the command line keeps them from starting.
	Built bool
}

// Option changes how the server is made.
type Option func(*options)

type options struct{ password string }

// WithPassword sets the password of the user admin; the default is random.
func WithPassword(password string) Option { return func(o *options) { o.password = password } }

// Server is a Graylog with its stores. It is a service.Handle; its container is
// Graylog's own.
type Server struct {
	*container.Handle
	search, metadata *container.Handle
	api, gelf        service.Endpoint
}

var _ service.Handle = (*Server)(nil)

// Endpoint is the REST API with the administrator's credentials.
func (s *Server) Endpoint() service.Endpoint { return s.api }

// GELF is where messages are sent to, over TCP, each ended by a zero byte.
func (s *Server) GELF() service.Endpoint { return s.gelf }

// Client is a client of the API from this machine.
func (s *Server) Client() *graylog.Client {
	return graylog.New(s.api.FromHost, s.api.User, s.api.Secret)
}

// Run starts Graylog and its stores, and returns when its input listens. The
// handle is never nil: close it also after an error.
func Run(ctx context.Context, images Images, place service.Placement, opts ...Option) (*Server, error) {
	o := options{password: rand.Text()}
	for _, opt := range opts {
		opt(&o)
	}
	s := newServer(place, service.Endpoint{User: "admin", Secret: o.password})
	if err := s.runStores(ctx, images, place); err != nil {
		return s, err
	}
	got, err := start(ctx, images.Server, place, serverEnv(images, place, o.password), apiPort+"/tcp", gelfPort+"/tcp")
	s.Handle = got
	if err != nil {
		return s, err
	}
	if s.api.FromHost, err = got.Answer(ctx, apiPort+"/tcp", s.try); err != nil {
		return s, err
	}
	if s.gelf.FromHost, err = got.HostAddress(ctx, gelfPort+"/tcp"); err != nil {
		return s, err
	}
	return s, s.listen(ctx)
}

// Attach uses the running server of the placement's stack and name, with the
// endpoint that Run gave. It makes sure that the input listens.
func Attach(ctx context.Context, place service.Placement, known service.Endpoint) (*Server, error) {
	s := newServer(place, known)
	var err error
	for _, part := range []struct {
		handle **container.Handle
		place  service.Placement
	}{{&s.Handle, place}, {&s.search, beside(place, "search")}, {&s.metadata, beside(place, "metadata")}} {
		if *part.handle, err = container.Find(ctx, part.place); err != nil {
			return s, err
		}
	}
	if s.api.FromHost, err = s.HostAddress(ctx, apiPort+"/tcp"); err != nil {
		return s, err
	}
	if s.gelf.FromHost, err = s.HostAddress(ctx, gelfPort+"/tcp"); err != nil {
		return s, err
	}
	if err := s.try(ctx, s.api.FromHost); err != nil {
		return s, fmt.Errorf("reach %s: %w", place.Name, err)
	}
	return s, s.listen(ctx)
}

func newServer(place service.Placement, api service.Endpoint) *Server {
	api.FromPod = net.JoinHostPort(place.Name, apiPort)
	return &Server{
		Handle: &container.Handle{}, search: &container.Handle{}, metadata: &container.Handle{},
		api: api, gelf: service.Endpoint{FromPod: net.JoinHostPort(place.Name, gelfPort)},
	}
}

// Close removes Graylog and its stores.
func (s *Server) Close(ctx context.Context) error {
	return errors.Join(s.Handle.Close(ctx), s.search.Close(ctx), s.metadata.Close(ctx))
}

// beside places a store: a name of its own, the same stack and part.
func beside(place service.Placement, store string) service.Placement {
	place.Name += "-" + store
	return place
}

func (s *Server) runStores(ctx context.Context, images Images, place service.Placement) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.search, err = start(ctx, images.Search, beside(place, "search"), searchEnv(images), searchPort+"/tcp")
		if err == nil {
			_, err = s.search.Answer(ctx, searchPort+"/tcp", searches)
		}
		return err
	})
	group.Go(func() (err error) {
		s.metadata, err = start(ctx, images.Metadata, beside(place, "metadata"), nil, metadataPort+"/tcp")
		if err == nil {
			// The published port would answer before the server does.
			_, err = s.metadata.Answer(ctx, metadataPort+"/tcp", speaks)
		}
		return err
	})
	return group.Wait()
}

// smallJVM spares processor time at the start, which is what a small machine
// lacks: no optimizing compiler, one collector thread.
const smallJVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ActiveProcessorCount=1"

// searchEnv is that of Elasticsearch or of OpenSearch: each ignores what the
// other alone reads.
func searchEnv(images Images) map[string]string {
	env := map[string]string{"discovery.type": "single-node"}
	if images.Built {
		env["ES_JAVA_OPTS"] = "-Xms96m -Xmx96m " + smallJVM
		return env
	}
	env["ES_JAVA_OPTS"] = "-Xms512m -Xmx512m"
	env["OPENSEARCH_JAVA_OPTS"] = env["ES_JAVA_OPTS"]
	// Nobody but Graylog reaches it, and it would ask for certificates.
	env["DISABLE_SECURITY_PLUGIN"] = "true"
	env["DISABLE_INSTALL_DEMO_CONFIG"] = "true"
	env["DISABLE_PERFORMANCE_ANALYZER_AGENT_CLI"] = "true" // a Java machine of its own
	// A machine whose disk is nearly full must not stop a test's index.
	env["cluster.routing.allocation.disk.threshold_enabled"] = "false"
	return env
}

func serverEnv(images Images, place service.Placement, password string) map[string]string {
	sum := sha256.Sum256([]byte(password))
	heap := "-Xms512m -Xmx512m"
	if images.Built {
		heap = "-Xms128m -Xmx192m " + smallJVM
	}
	return map[string]string{
		"GRAYLOG_SERVER_JAVA_OPTS":    heap,
		"GRAYLOG_PASSWORD_SECRET":     rand.Text() + rand.Text(),
		"GRAYLOG_ROOT_PASSWORD_SHA2":  hex.EncodeToString(sum[:]),
		"GRAYLOG_HTTP_BIND_ADDRESS":   "0.0.0.0:" + apiPort,
		"GRAYLOG_ELASTICSEARCH_HOSTS": "http://" + net.JoinHostPort(beside(place, "search").Name, searchPort),
		"GRAYLOG_MONGODB_URI":         "mongodb://" + net.JoinHostPort(beside(place, "metadata").Name, metadataPort) + "/graylog",
		// What was taken in waits in memory for a second at most: there is
		// nothing that a journal on disk would save in a run.
		"GRAYLOG_MESSAGE_JOURNAL_ENABLED":  "false",
		"GRAYLOG_OUTPUT_FLUSH_INTERVAL":    "1",
		"GRAYLOG_PROCESSBUFFER_PROCESSORS": "1",
		"GRAYLOG_OUTPUTBUFFER_PROCESSORS":  "1",
		"GRAYLOG_INPUTBUFFER_PROCESSORS":   "1",
		"GRAYLOG_RING_SIZE":                "4096",
		"GRAYLOG_INPUTBUFFER_RING_SIZE":    "4096",
		"GRAYLOG_VERSIONCHECKS":            "false",
	}
}

// start runs one container; the handle is never nil.
func start(ctx context.Context, image string, place service.Placement, env map[string]string, ports ...string) (*container.Handle, error) {
	handle, err := container.Prepare(ctx, image, place)
	if err != nil {
		return handle, err
	}
	got, err := testcontainers.Run(ctx, image, append(container.Options(place, ports...),
		testcontainers.WithExposedPorts(ports...), testcontainers.WithEnv(env), container.NoWait())...)
	if got != nil {
		handle.Started(got)
	}
	if err != nil {
		return handle, fmt.Errorf("start %s from image %s: %w", place.Name, image, err)
	}
	return handle, nil
}

// try asks Graylog whether it takes messages, as the administrator.
func (s *Server) try(ctx context.Context, address string) error {
	client := graylog.New(address, s.api.User, s.api.Secret)
	if err := client.Ready(ctx); err != nil {
		return err
	}
	_, err := client.Version(ctx)
	if graylog.Refused(err) {
		return await.Stop(err)
	}
	return err
}

// listen makes the input, and waits until it runs.
func (s *Server) listen(ctx context.Context) error {
	client := s.Client()
	id, err := client.EnsureInput(ctx, InputTitle, graylog.GELFTCP, 12201)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, container.Within(ctx))
	defer cancel()
	_, err = await.Until(ctx, "input "+InputTitle+" to listen", 100*time.Millisecond, client.Inputs,
		func(inputs []graylog.Input) error {
			for _, input := range inputs {
				if input.ID == id && input.State == "RUNNING" {
					return nil
				}
			}
			return fmt.Errorf("the inputs are %+v", inputs)
		})
	return err
}

// searches asks the search engine for its name.
func searches(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}
