package airflow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/airflow/airflowtest"
)

// golden serves answers of a real server, by the end of the request's path.
func golden(t *testing.T, answers map[string]string) airflow.Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, status := answers[r.Method+" "+r.URL.Path], http.StatusOK
		switch {
		case r.URL.Path == "/auth/token":
			_, _ = w.Write([]byte(`{"access_token":"opaque"}`))
			return
		case r.URL.Path == "/api/v2/version":
			name = "version"
		case name == "":
			http.NotFound(w, r)
			return
		}
		if code, _, ok := strings.Cut(strings.TrimPrefix(name, "error_"), "_"); ok && strings.HasPrefix(name, "error_") {
			status = map[string]int{"400": 400, "403": 403, "404": 404, "409": 409, "422": 422}[code]
		} else if name == "error_422" || name == "error_409" {
			status = map[string]int{"error_422": 422, "error_409": 409}[name]
		}
		body, err := os.ReadFile("testdata/v2/" + name + ".json")
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(srv.Close)
	c, err := airflow.New(t.Context(), airflow.Options{URL: srv.URL, User: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func at(text string) time.Time {
	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return v
}

func TestDecodesRealAnswers(t *testing.T) {
	const run = "/api/v2/dags/golden/dagRuns/r1+x"
	c := golden(t, map[string]string{
		"GET /api/v2/monitor/health": "health", "GET /api/v2/dags": "dags", "GET /api/v2/dags/golden": "dag",
		"GET /api/v2/importErrors": "import_errors", "POST /api/v2/dags/golden/dagRuns": "trigger",
		"GET " + run: "run", "GET " + run + "/taskInstances": "task_instances",
		"GET " + run + "/taskInstances/flaky/tries":                     "tries",
		"GET " + run + "/taskInstances/flaky/xcomEntries/return_value":  "xcom_flaky",
		"GET " + run + "/taskInstances/text/xcomEntries/return_value":   "xcom_text",
		"GET " + run + "/taskInstances/double/xcomEntries/return_value": "xcom_mapped",
		"GET " + run + "/taskInstances/numbers/logs/1":                  "log",
		"GET " + run + "/taskInstances/flaky/logs/1":                    "log_flaky_1",
		"GET /api/v2/dags/slow/dagRuns/s1/taskInstances/ticks/logs/1":   "log_running",
	})
	flaky := airflow.TaskInstance{
		DAG: "golden", Run: "r1+x", Task: "flaky", MapIndex: -1, Try: 1, MaxTries: 1, State: airflow.FailedState,
		Hostname: "task-host", Operator: "_PythonDecoratedOperator", Pool: "default_pool",
		Started: at("2026-11-23T21:06:20.939422Z"), Ended: at("2026-11-23T21:06:26.729895Z"),
		Queued: at("2026-11-23T21:06:20.677710Z"), Scheduled: at("2026-11-23T21:06:20.656388Z"),
	}
	for _, tt := range []struct {
		name string
		get  func(context.Context) (any, error)
		want any
	}{
		{"version", func(ctx context.Context) (any, error) { v, err := c.Version(ctx); return v.Version, err }, "3.2.2"},
		{"health", func(ctx context.Context) (any, error) { return c.Health(ctx) }, airflow.Health{
			"metadatabase":  {Status: "healthy"},
			"scheduler":     {Status: "healthy", Heartbeat: at("2026-11-23T21:06:09.868956+00:00")},
			"triggerer":     {Status: "healthy", Heartbeat: at("2026-11-23T21:06:13.039833+00:00")},
			"dag_processor": {Status: "healthy", Heartbeat: at("2026-11-23T21:06:13.186013+00:00")},
		}},
		{"dag", func(ctx context.Context) (any, error) {
			d, err := c.DAG(ctx, "golden")
			d.LastParsed = time.Time{}
			return d, err
		}, airflow.DAG{
			ID: "golden", FileLoc: "/opt/airflow/dags/golden.py", RelativeFileLoc: "golden.py", Tags: []string{"api", "golden"},
		}},
		{"import errors", func(ctx context.Context) (any, error) { e, err := c.ImportErrors(ctx); return e, err }, []airflow.ImportError{{
			ID: 1, Filename: "broken.py", Bundle: "dags-folder", Timestamp: at("2026-11-23T21:06:04.018772Z"),
			Trace: "Traceback (most recent call last):\n  File \"<frozen importlib._bootstrap>\", line 241, in _call_with_frames_removed\n  File \"/opt/airflow/dags/broken.py\", line 2, in <module>\n    import no_such_module_at_all\nModuleNotFoundError: No module named 'no_such_module_at_all'\n",
		}}},
		{"trigger", func(ctx context.Context) (any, error) { return c.Trigger(ctx, "golden", "r1+x", nil) }, airflow.DAGRun{
			DAG: "golden", ID: "r1+x", State: airflow.Queued, Conf: map[string]any{"a": 1.0}, Queued: at("2026-11-23T21:06:19.387105Z"),
		}},
		{"run", func(ctx context.Context) (any, error) { return c.Run(ctx, "golden", "r1+x") }, airflow.DAGRun{
			DAG: "golden", ID: "r1+x", State: airflow.Success, Conf: map[string]any{"a": 1.0}, Queued: at("2026-11-23T21:06:19.387105Z"),
			Started: at("2026-11-23T21:06:20.617788Z"), Ended: at("2026-11-23T21:06:30.114906Z"),
		}},
		{"first try", func(ctx context.Context) (any, error) {
			tries, err := c.Tries(ctx, "golden", "r1+x", "flaky", -1)
			if len(tries) != 2 {
				return tries, err
			}
			return tries[0], err
		}, flaky},
		{"mapped task instances", func(ctx context.Context) (any, error) {
			all, err := c.TaskInstances(ctx, "golden", "r1+x")
			var got []int
			for _, ti := range airflow.ByTask(all)["double"] {
				got = append(got, ti.MapIndex)
			}
			return got, err
		}, []int{0, 1}},
		{"xcom object", func(ctx context.Context) (any, error) {
			return c.XCom(ctx, "golden", "r1+x", "flaky", -1, "return_value")
		}, map[string]any{
			"text": "ünï", "big": json.Number("12345678901234567890"), "float": 0.1, "none": nil, "flag": true,
			"list": []any{1.0, "a"}, "tuple": []any{1.0, 2.0},
		}},
		{"xcom text that looks like a number", func(ctx context.Context) (any, error) {
			return c.XCom(ctx, "golden", "r1+x", "text", -1, "return_value")
		}, "42"},
		{"xcom of a mapped task", func(ctx context.Context) (any, error) {
			return c.XCom(ctx, "golden", "r1+x", "double", 1, "return_value")
		}, 4.0},
		{"log sources", func(ctx context.Context) (any, error) {
			l, err := c.TaskLog(ctx, airflow.TaskRef{DAG: "golden", Run: "r1+x", Task: "numbers", MapIndex: -1, Try: 1}, "")
			return l.Sources(), err
		}, []string{"/opt/airflow/logs/dag_id=golden/run_id=r1+x/task_id=numbers/attempt=1.log"}},
		{"log entry", func(ctx context.Context) (any, error) {
			l, err := c.TaskLog(ctx, airflow.TaskRef{DAG: "golden", Run: "r1+x", Task: "numbers", MapIndex: -1, Try: 1}, "")
			return l.Body()[0], err
		}, airflow.LogEntry{
			Timestamp: at("2026-11-23T21:06:21.016890Z"), Level: "info", Event: "::group::Pre Execute",
			Extra: map[string]any{"logger": "task", "filename": "task_runner.py", "lineno": 1926.0},
		}},
		{"continuation", func(ctx context.Context) (any, error) {
			l, err := c.TaskLog(ctx, airflow.TaskRef{DAG: "slow", Run: "s1", Task: "ticks", MapIndex: -1, Try: 1}, "")
			return l.Continuation, err
		}, "continuation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.get(t.Context())
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %#v, %v\nwant %#v", got, err, tt.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct{ answer, want string }{
		{"error_400_run_id", `POST /api/v2/dags/d/dagRuns: 400 Bad Request: The run_id provided 'r1+é' does not match regex pattern`},
		{"error_404_dag", "POST /api/v2/dags/d/dagRuns: 404 Not Found: The Dag with ID: `nope` was not found"},
		{"error_404_route", "POST /api/v2/dags/d/dagRuns: 404 Not Found: API route not found"},
		{"error_409", "POST /api/v2/dags/d/dagRuns: 409 Unique constraint violation: Serious error when handling your request."},
		{"error_422", "POST /api/v2/dags/d/dagRuns: 422 Unprocessable Entity: body.logical_date: Field required; body.bogus: Extra inputs are not permitted"},
	} {
		t.Run(tt.answer, func(t *testing.T) {
			c := golden(t, map[string]string{"POST /api/v2/dags/d/dagRuns": tt.answer})
			_, err := c.Trigger(t.Context(), "d", "r", nil)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || airflow.Transient(err) {
				t.Errorf("got %v, want %s...", err, tt.want)
			}
		})
	}
}

func server(t *testing.T, cfg airflowtest.Config) (*airflowtest.Server, airflow.Client) {
	t.Helper()
	s := airflowtest.New(cfg)
	t.Cleanup(s.Close)
	c, err := airflow.New(t.Context(), s.Options())
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func TestNewRefusesAirflow2(t *testing.T) {
	s := airflowtest.New(airflowtest.Config{Version: "2.10.5"})
	defer s.Close()
	_, err := airflow.New(t.Context(), s.Options())
	var unsupported *airflow.UnsupportedAPIError
	if !errors.Is(err, airflow.ErrUnsupportedAPI) || !errors.As(err, &unsupported) || unsupported.Version != "2.10.5" {
		t.Errorf("got %v", err)
	}
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	s := airflowtest.New(airflowtest.Config{})
	defer s.Close()
	wrong := s.Options()
	wrong.Password = "guess"
	_, err := airflow.New(t.Context(), wrong)
	if err == nil || err.Error() != `log in to Airflow as "admin": POST /auth/token: 401 Unauthorized: Invalid credentials` {
		t.Errorf("got %v", err)
	}
	_, err = airflow.New(t.Context(), airflow.Options{URL: "localhost:8080"})
	if err == nil || !strings.Contains(err.Error(), "give it as http://host:port") {
		t.Errorf("got %v", err)
	}
}

func TestConnectWaitsForAnAnswer(t *testing.T) {
	s := airflowtest.New(airflowtest.Config{})
	defer s.Close()
	s.Inject(airflowtest.Fault{Drop: true, Times: 7}, airflowtest.Fault{Status: 503})
	if _, err := airflow.Connect(t.Context(), s.Options(), time.Millisecond); err != nil {
		t.Errorf("got %v", err)
	}
	wrong := s.Options()
	wrong.Password = "guess"
	if _, err := airflow.Connect(t.Context(), wrong, time.Hour); err == nil || !strings.Contains(err.Error(), "Invalid credentials") {
		t.Errorf("a password that is wrong: got %v", err)
	}
}

func TestTransient(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault airflowtest.Fault
		want  bool
	}{
		{"503", airflowtest.Fault{Status: 503}, true},
		{"502", airflowtest.Fault{Status: 502}, true},
		{"500", airflowtest.Fault{Status: 500}, false},
		{"connection closed", airflowtest.Fault{Drop: true, Times: 5}, true}, // net/http repeats on a fresh connection
		{"answer cut short", airflowtest.Fault{Cut: 10}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := server(t, airflowtest.Config{})
			s.Inject(tt.fault)
			if _, err := c.DAGs(t.Context()); err == nil || airflow.Transient(err) != tt.want {
				t.Errorf("Transient(%v) is not %v", err, tt.want)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		s := airflowtest.New(airflowtest.Config{})
		opts := s.Options()
		s.Close()
		if _, err := airflow.New(t.Context(), opts); !airflow.Transient(err) {
			t.Errorf("not transient: %v", err)
		}
	})
	t.Run("the caller's own deadline", func(t *testing.T) {
		s, c := server(t, airflowtest.Config{})
		s.Inject(airflowtest.Fault{Delay: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := c.DAGs(ctx); !errors.Is(err, context.DeadlineExceeded) || airflow.Transient(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAGivenTokenIsNotReplaced(t *testing.T) {
	s := airflowtest.New(airflowtest.Config{})
	defer s.Close()
	token, err := airflow.Login(t.Context(), s.Options())
	if err != nil {
		t.Fatal(err)
	}
	o := s.Options()
	o.User, o.Password, o.Token = "", "", token
	c, err := airflow.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DAGs(t.Context()); err != nil {
		t.Errorf("the token is not taken: %v", err)
	}
	s.RotateKey()
	if _, err := c.DAGs(t.Context()); !airflow.Refused(err) || s.TokensIssued() != 1 {
		t.Errorf("got %v with %d tokens issued", err, s.TokensIssued())
	}
}

func TestRenewsToken(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  airflowtest.Config
		act  func(*airflowtest.Server)
		want int
	}{
		{"good one is kept", airflowtest.Config{}, func(*airflowtest.Server) {}, 1},
		{"expired on the server", airflowtest.Config{}, (*airflowtest.Server).ExpireTokens, 2},
		{"signed with a former key", airflowtest.Config{}, (*airflowtest.Server).RotateKey, 2},
		{"past its end", airflowtest.Config{TokenLife: time.Nanosecond}, func(*airflowtest.Server) {}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := server(t, tt.cfg)
			tt.act(s)
			_, err := c.DAGs(t.Context())
			if (err != nil) != (tt.want == 3) || s.TokensIssued() != tt.want {
				t.Errorf("%d tokens, %v", s.TokensIssued(), err)
			}
		})
	}
}

func TestConcurrentCallsShareOneRenewal(t *testing.T) {
	s, c := server(t, airflowtest.Config{})
	s.ExpireTokens()
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			if _, err := c.DAGs(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if n := s.TokensIssued(); n != 2 {
		t.Errorf("%d tokens were issued, want 2", n)
	}
}

func TestRecordWritesOneLineForEachRequest(t *testing.T) {
	s := airflowtest.New(airflowtest.Config{})
	defer s.Close()
	var record bytes.Buffer
	opts := s.Options()
	opts.Record = &record
	c, err := airflow.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.DAG(t.Context(), "nope")
	var got []string
	for line := range strings.Lines(record.String()) {
		f := strings.Fields(line)
		got = append(got, strings.Join(f[:3], " "))
	}
	want := []string{"GET /api/v2/version 200", "POST /auth/token 201", "GET /api/v2/dags/nope 404"}
	if !reflect.DeepEqual(got, want) || strings.Contains(record.String(), airflowtest.Password) {
		t.Errorf("got %q", record.String())
	}
}

func TestPagesThroughAll(t *testing.T) {
	s, c := server(t, airflowtest.Config{PageLimit: 7})
	s.AddDAG(airflowtest.DAG{ID: "wide", Manual: true, Tasks: []airflowtest.Task{{ID: "many", Mapped: 40}, {ID: "one"}}})
	if _, err := c.Trigger(t.Context(), "wide", "r", nil); err != nil {
		t.Fatal(err)
	}
	all, err := c.TaskInstances(t.Context(), "wide", "r")
	if err != nil || len(all) != 41 || len(airflow.ByTask(all)["many"]) != 40 {
		t.Errorf("%d task instances, %v", len(all), err)
	}
}
