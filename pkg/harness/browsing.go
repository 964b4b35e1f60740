package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/browser"
)

// Visit is what a person with a browser did and met.
type Visit struct {
	LoginPage string   `json:"loginPage"` // address bar where the password was asked for
	Home      string   `json:"home"`      // and where the login led to
	Run       Run      `json:"run"`       // of the DAG that was triggered by hand
	LogPage   string   `json:"logPage"`
	Requests  []string `json:"requests"` // every URL that the browser asked for
	Cookies   []Cookie `json:"cookies"`
}

// Cookie is one that the platform gave to the browser, without its value.
type Cookie struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	Secure   bool   `json:"secure"`
	HTTPOnly bool   `json:"httpOnly"`
}

// HasBrowser says why no browser can be used here, or nil.
func (s *Session) HasBrowser() error {
	_, err := browser.Find()
	return err
}

// VisitByBrowser logs in, looks at the list of DAGs, triggers one, and reads
// the log of its task until it holds marker. A picture of each page is kept.
func (s *Session) VisitByBrowser(ctx context.Context, dag, task, marker string) (v Visit, err error) {
	i, err := s.ingress(ctx)
	if err != nil {
		return v, err
	}
	hand, err := s.Handshake(ctx)
	if err != nil {
		return v, err
	}
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.DAGRun)
	defer cancel()
	b, err := browser.Open(ctx, browser.Site{Host: i.host, HTTP: i.at.HTTP, HTTPS: i.at.HTTPS, Certificate: hand.leaf})
	if err != nil {
		return v, err
	}
	defer b.Close()
	visitor := &visitor{Session: s, Browser: b, ingress: i, v: &v}
	defer visitor.keepAll()
	for _, step := range []func(context.Context) error{
		visitor.login,
		func(ctx context.Context) error { return visitor.list(ctx, dag) },
		func(ctx context.Context) error { return visitor.trigger(ctx, dag) },
		func(ctx context.Context) error { return visitor.readLog(ctx, dag, task, marker) },
	} {
		if err := step(ctx); err != nil {
			visitor.picture("where-it-ended")
			return v, err
		}
	}
	return v, nil
}

type visitor struct {
	*Session
	*browser.Browser
	ingress *ingress
	v       *Visit
}

// picture keeps what the window shows. Without one the check goes on.
func (p *visitor) picture(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), oneRequest)
	defer cancel()
	png, err := p.Screenshot(ctx)
	if err != nil {
		p.recorder.Step(err.Error())
		return
	}
	p.recorder.Picture(name, png)
}

func (p *visitor) keepAll() {
	p.v.Requests = p.Requests()
	p.keep("browser-traffic", []byte(p.Traffic()))
	p.fact("visit", p.v)
}

// do runs steps that take as long as one fact may.
func (p *visitor) do(ctx context.Context, what string, steps ...chromedp.Action) error {
	ctx, cancel := p.within(ctx, p.Asked().Timeouts.Observe)
	defer cancel()
	return p.Do(ctx, what, steps...)
}

func (p *visitor) login(ctx context.Context) error {
	stack := p.suite.stack
	err := p.do(ctx, "open the platform", chromedp.Navigate(p.ingress.url("/")), chromedp.WaitVisible("#username"))
	if err != nil {
		return err
	}
	p.v.LoginPage = p.Location()
	p.picture("1-login")
	// The page that asks for the password is where another one led to, and goes on
	// loading. A node that chromedp has found meanwhile is not known any more when
	// it is done, so the fields are asked for by the page itself.
	err = p.do(ctx, "log in",
		chromedp.Poll(`document.readyState === "complete"`, nil, chromedp.WithPollingInterval(everyRecord)),
		into("#username"), chromedp.KeyEvent(stack.AdminUser), into("#password"), chromedp.KeyEvent(stack.AdminPassword+kb.Enter),
		// The application of Airflow 3, which draws everything, once it is loaded.
		chromedp.WaitVisible(`//*[normalize-space(text())="Dags"]`, chromedp.BySearch, chromedp.AtLeast(1)),
	)
	if err != nil {
		return err
	}
	p.v.Home = p.Location()
	p.picture("2-home")
	return p.readCookies(ctx)
}

// into puts the cursor into a field.
func into(field string) chromedp.Action {
	return chromedp.Evaluate(fmt.Sprintf("document.querySelector(%q).focus()", field), nil)
}

func (p *visitor) readCookies(ctx context.Context) error {
	var cookies []*network.Cookie
	err := p.do(ctx, "read the cookies", chromedp.ActionFunc(func(ctx context.Context) (err error) {
		cookies, err = storage.GetCookies().Do(ctx)
		return err
	}))
	for _, c := range cookies {
		p.v.Cookies = append(p.v.Cookies, Cookie{Name: c.Name, Path: c.Path, Secure: c.Secure, HTTPOnly: c.HTTPOnly})
	}
	return err
}

func (p *visitor) list(ctx context.Context, dag string) error {
	err := p.do(ctx, "list the DAGs", chromedp.Navigate(p.ingress.url("/dags?name_pattern="+dag)),
		chromedp.WaitVisible(fmt.Sprintf(`a[href$="/dags/%s"]`, dag)))
	if err == nil {
		p.picture("3-dags")
	}
	return err
}

// trigger begins a run by the buttons that a person uses, and finds out which
// one it was with the browser's own session.
func (p *visitor) trigger(ctx context.Context, dag string) error {
	const confirm = `//*[@role="dialog"]//button[normalize-space(.)="Trigger"]` // other dialogs are there, and hidden
	err := p.do(ctx, "trigger "+dag, chromedp.Navigate(p.ingress.url("/dags/"+dag)),
		chromedp.Click(`[data-testid="trigger-dag-button"]`),
		chromedp.WaitVisible(confirm, chromedp.BySearch),
	)
	if err != nil {
		return err
	}
	p.picture("4-trigger")
	err = p.do(ctx, "confirm the trigger of "+dag,
		chromedp.Click(confirm, chromedp.BySearch))
	if err != nil {
		return err
	}
	id, err := p.newestRun(ctx, dag)
	if err != nil {
		return err
	}
	run, err := airflow.WaitRun(ctx, p.Airflow, dag, id, everyRun)
	tasks, tasksErr := p.Airflow.TaskInstances(ctx, dag, id)
	p.v.Run = Run{DAGRun: run, Tasks: tasks}
	if err != nil {
		err = fmt.Errorf("%w; its tasks: %s", err, p.v.Run.Story())
	}
	return errors.Join(err, tasksErr)
}

// newestRun waits for a run that was triggered by hand in the user interface:
// those of the checks have ids of their own.
func (p *visitor) newestRun(ctx context.Context, dag string) (string, error) {
	ctx, cancel := p.within(ctx, p.Asked().Timeouts.Observe)
	defer cancel()
	const script = `fetch(%q).then(r => r.text())`
	ask := p.ingress.path + "/api/v2/dags/" + dag + "/dagRuns?order_by=-run_after&limit=1"
	return await.Until(ctx, "the run that the browser triggered", everyRun,
		func(ctx context.Context) (string, error) {
			var body string
			err := p.Do(ctx, "ask for the newest run", chromedp.Evaluate(fmt.Sprintf(script, ask), &body, awaitPromise))
			if err != nil {
				return "", err
			}
			var answer struct {
				Runs []struct {
					ID string `json:"dag_run_id"`
				} `json:"dag_runs"`
			}
			if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Runs) == 0 {
				return "", fmt.Errorf("the API gives the browser no run: %.200s", body)
			}
			return answer.Runs[0].ID, nil
		},
		func(id string) error {
			if id == p.runID() || len(id) < 8 || id[:8] != "manual__" {
				return fmt.Errorf("the newest one is %s", id)
			}
			return nil
		})
}

func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

func (p *visitor) readLog(ctx context.Context, dag, task, marker string) error {
	page := p.ingress.url("/dags/" + dag + "/runs/" + url.PathEscape(p.v.Run.ID) + "/tasks/" + task)
	within, cancel := p.within(ctx, p.Asked().Timeouts.Observe)
	defer cancel()
	if err := p.Do(within, "open the log", chromedp.Navigate(page)); err != nil {
		return err
	}
	p.v.LogPage = p.Location()
	_, err := await.Until(within, fmt.Sprintf("the page of the log to show %q", marker), 500*time.Millisecond,
		func(ctx context.Context) (bool, error) {
			var shown bool
			err := p.Do(ctx, "read the page", chromedp.Evaluate(fmt.Sprintf(`document.body.innerText.includes(%q)`, marker), &shown))
			return shown, err
		},
		func(shown bool) error {
			if !shown {
				return errors.New("it does not show it")
			}
			return nil
		})
	if err == nil {
		p.picture("5-log")
	}
	return err
}
