package harness

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"

	"github.com/airworthy/airworthy/pkg/await"
)

// Kept is a session of the user interface before and after the API server was
// restarted.
type Kept struct {
	Before  Answers `json:"before"`
	After   Answers `json:"after"`
	Gone    string  `json:"gone"`    // the pod that was deleted
	Instead string  `json:"instead"` // the pod that took its place
}

// Answers are what the platform answered to the cookies of a session.
type Answers struct {
	API   Reply `json:"api"`   // the REST API, which takes Airflow's own token
	Login Reply `json:"login"` // the login page, which sends people on who are known
}

// csrf finds the token that the login form carries.
var csrf = regexp.MustCompile(`name="csrf_token"[^>]*value="([^"]+)"`)

// KeepSession logs in as a browser does, restarts the API server, and asks
// again with the same cookies.
func (s *Session) KeepSession(ctx context.Context) (k Kept, err error) {
	defer func() { s.fact("session", k) }()
	ask, err := s.session(ctx)
	if err != nil {
		return k, err
	}
	if k.Before, err = ask(ctx); err != nil {
		return k, err
	}
	if k.Gone, k.Instead, err = s.restart(ctx, "api-server"); err != nil {
		return k, err
	}
	k.After, err = ask(ctx)
	return k, err
}

// session logs in through the ingress as a browser does, and gives how to ask with
// its cookies.
func (s *Session) session(ctx context.Context) (ask func(context.Context) (Answers, error), err error) {
	i, err := s.ingress(ctx)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	client := i.client(jar)
	if err := s.logIn(ctx, i, client); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (Answers, error) { return s.askWith(ctx, i, client) }, nil
}

// logIn logs in. A proxy that still knows a pod which is gone answers any of its
// requests in the platform's place: then it begins again.
func (s *Session) logIn(ctx context.Context, i *ingress, client *http.Client) error {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	_, err := await.Until(ctx, "a login through "+i.url(""), everyRequest,
		func(ctx context.Context) (Reply, error) { return s.tryLogIn(ctx, i, client) },
		func(r Reply) error {
			if r.Status >= 500 {
				return fmt.Errorf("%s answers %d: %.200q", r.URL, r.Status, r.Body)
			}
			return nil
		})
	return err
}

// tryLogIn gives the last answer, which is 200 or one of the server's failures.
func (s *Session) tryLogIn(ctx context.Context, i *ingress, client *http.Client) (Reply, error) {
	page, err := s.ask(ctx, client, i.url("/auth/login/"))
	if err != nil {
		return page, err
	}
	token := csrf.FindStringSubmatch(page.Body)
	if token == nil {
		return page, await.Stop(fmt.Errorf("log in: %s has no form with a CSRF token: %d %.200q", page.URL, page.Status, page.Body))
	}
	form := url.Values{"username": {s.suite.stack.AdminUser}, "password": {s.suite.stack.AdminPassword}, "csrf_token": {token[1]}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, page.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return page, await.Stop(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Referer", page.URL)
	answer, err := reply(client, request)
	if err != nil {
		return answer, fmt.Errorf("log in: %w", err)
	}
	// The page that a login leads to sets the API's cookie.
	for hop := 0; answer.Status >= 300 && answer.Status < 400 && hop < 5; hop++ {
		next, err := request.URL.Parse(answer.Location)
		if err != nil {
			return answer, await.Stop(fmt.Errorf("log in: %w", err))
		}
		if request, err = http.NewRequestWithContext(ctx, http.MethodGet, next.String(), nil); err != nil {
			return answer, await.Stop(err)
		}
		if answer, err = reply(client, request); err != nil {
			return answer, fmt.Errorf("log in: %w", err)
		}
	}
	if answer.Status != http.StatusOK && answer.Status < 500 {
		return answer, await.Stop(fmt.Errorf("log in: %s answers %d: %.200q", answer.URL, answer.Status, answer.Body))
	}
	return answer, nil
}

// ask waits until the platform, not the proxy before it, answers.
func (s *Session) ask(ctx context.Context, client *http.Client, address string) (Reply, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	return await.Until(ctx, "an answer of "+address, everyRequest,
		func(ctx context.Context) (Reply, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
			if err != nil {
				return Reply{}, await.Stop(err)
			}
			return reply(client, request)
		},
		func(r Reply) error {
			if r.Status >= 500 {
				return fmt.Errorf("it answers %d: %.100q", r.Status, r.Body)
			}
			return nil
		})
}

func (s *Session) askWith(ctx context.Context, i *ingress, client *http.Client) (a Answers, err error) {
	a.API, err = s.ask(ctx, client, i.url("/api/v2/dags?limit=1"))
	if err == nil {
		a.Login, err = s.ask(ctx, client, i.url("/auth/login/"))
	}
	a.API.Body, a.Login.Body = fmt.Sprintf("%.200s", a.API.Body), fmt.Sprintf("%.200s", a.Login.Body)
	return a, err
}
