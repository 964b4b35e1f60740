// Package airflowtest is an Airflow 3 in memory for tests: it serves the REST
// API v2 in the wire format of Airflow 3.2.2, keeps DAGs, runs, task instances
// with their tries, logs and XComs, and fails on demand.
//
// Runs of a DAG execute by themselves once it is unpaused, each task by its Do
// function; those of a Manual DAG move by Start and Finish only.
package airflowtest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
)

// User and Password are what the server takes.
const (
	User     = "admin"
	Password = "airflow-in-memory"
)

// Server is one fake Airflow. Safe for concurrent use.
type Server struct {
	http *httptest.Server

	mu          sync.Mutex
	cfg         Config
	key         []byte // signs tokens
	issued      int
	revoked     time.Time // tokens issued before this are expired
	faults      []Fault
	requests    []string
	dags        map[string]*dagState
	broken      []importError
	connections map[string]bool
	errorID     int
	health      map[string]string // component -> status
	held        bool              // logs of ended tries are not uploaded yet

	workers sync.WaitGroup
	done    chan struct{} // closed by Close
}

// Config of New. The zero value is an Airflow 3.2.2 with default settings.
type Config struct {
	Version string // "" is 3.2.2; a 2.x serves API v1's version endpoint and no v2
	// TokenLife is how long a token is good for; zero is 24 h, Airflow's default.
	TokenLife time.Duration
	// PageLimit is [api] maximum_page_limit; zero is 100.
	PageLimit int
	// LiveLogLines bounds the log of a running try to its last lines, as the
	// KubernetesExecutor does with 100; zero serves all.
	LiveLogLines int
	// Continuation makes continuation tokens work. Airflow 3.2.2 answers 500
	// to them when it reads logs from files or an object store.
	Continuation bool
}

// New starts a server; Close ends it.
func New(cfg Config) *Server {
	if cfg.Version == "" {
		cfg.Version = "3.2.2"
	}
	if cfg.TokenLife == 0 {
		cfg.TokenLife = 24 * time.Hour
	}
	if cfg.PageLimit == 0 {
		cfg.PageLimit = 100
	}
	s := &Server{cfg: cfg, dags: map[string]*dagState{}, connections: map[string]bool{}, done: make(chan struct{}), health: map[string]string{
		"metadatabase": "healthy", "scheduler": "healthy", "triggerer": "healthy", "dag_processor": "healthy",
	}}
	s.RotateKey()
	s.http = httptest.NewServer(s.handler())
	return s
}

// Close stops the server and waits for the tasks that it runs.
func (s *Server) Close() {
	close(s.done)
	s.http.CloseClientConnections()
	s.http.Close()
	s.workers.Wait()
}

// URL is the base URL, without /api.
func (s *Server) URL() string { return s.http.URL }

// Options are those with which airflow.New reaches this server.
func (s *Server) Options() airflow.Options {
	return airflow.Options{URL: s.URL(), User: User, Password: Password}
}

// Requests are those received so far, as "METHOD /path?query".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// SetHealth sets the status of a component: healthy, unhealthy, or "" for null.
func (s *Server) SetHealth(component, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health[component] = status
}

// BreakFile reports an import error for a DAG file.
func (s *Server) BreakFile(filename, trace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errorID++
	s.broken = append(s.broken, importError{
		ID: s.errorID, Timestamp: stamp(time.Now()), Filename: filename, Bundle: "dags-folder", Trace: trace,
	})
}

// MendFile removes the import errors of a DAG file.
func (s *Server) MendFile(filename string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.broken[:0]
	for _, e := range s.broken {
		if e.Filename != filename {
			kept = append(kept, e)
		}
	}
	s.broken = kept
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	if s.cfg.Version[0] == '2' {
		mux.HandleFunc("GET /api/v1/version", s.version)
		return s.observed(mux)
	}
	mux.HandleFunc("POST /auth/token", s.login)
	mux.HandleFunc("GET /api/v2/version", s.version)
	mux.HandleFunc("GET /api/v2/monitor/health", s.monitor)
	const run = "/api/v2/dags/{dag}/dagRuns/{run}"
	const task = run + "/taskInstances/{task}"
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /api/v2/dags":                s.listDAGs,
		"GET /api/v2/dags/{dag}":          s.getDAG,
		"PATCH /api/v2/dags/{dag}":        s.patchDAG,
		"GET /api/v2/importErrors":        s.listImportErrors,
		"POST /api/v2/connections":        s.addConnection,
		"DELETE /api/v2/connections/{id}": s.deleteConnection,
		"POST /api/v2/dags/{dag}/dagRuns": s.trigger,
		"GET " + run:                      s.getRun,
		"PATCH " + run:                    s.patchRun,
		"DELETE " + run:                   s.deleteRun,
		"GET " + run + "/taskInstances":   s.listTasks,
		"GET " + task:                     s.getTask,
		"GET " + task + "/{rest...}":      s.underTask,
	} {
		mux.Handle(pattern, s.authorized(h))
	}
	mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 404, map[string]string{"error": "/api/v1 has been removed in Airflow 3, please use its upgraded version /api/v2 instead."})
	})
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 404, map[string]string{"error": "API route not found"})
	})
	return s.observed(mux)
}

// observed records each request and lets faults act before it is served.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
		s.mu.Unlock()
		if !s.fault(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// stamp writes a time as Airflow does: UTC with microseconds.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format("2006-01-02T15:04:05.000000Z")
	return &text
}
