package platform

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/harness"
)

// HaveAnswered holds for an answer with one of the codes.
func HaveAnswered(codes ...int) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("an answer with status %v", codes), func(r harness.Reply) error {
		if !slices.Contains(codes, r.Status) {
			return fmt.Errorf("%s answers %d: %.100q", r.URL, r.Status, r.Body)
		}
		return nil
	})
}

// HaveMaxAge holds for an answer whose Strict-Transport-Security is as configured.
func HaveMaxAge(seconds int) gomegatypes.GomegaMatcher {
	want := fmt.Sprintf("max-age=%d", seconds)
	return fact("Strict-Transport-Security with "+want, func(r harness.Reply) error {
		for _, directive := range strings.Split(r.HSTS, ";") {
			if strings.TrimSpace(directive) == want {
				return nil
			}
		}
		return fmt.Errorf("the header is %q", r.HSTS)
	})
}

// StayOnHTTPS holds for a visit of which every request went to the platform's
// own address. Below a base path one other is known: Airflow's user interface
// asks for its version at the root before it has read where it is
// (apache/airflow#72344), and goes on whatever the answer.
func StayOnHTTPS(base string) gomegatypes.GomegaMatcher {
	return fact("every request of the browser to begin with "+base, func(v harness.Visit) error {
		if len(v.Requests) == 0 {
			return errors.New("none was seen")
		}
		at, err := url.Parse(base)
		if err != nil {
			return err
		}
		tooEarly := at.Scheme + "://" + at.Host + "/api/v2/version"
		for _, request := range v.Requests {
			if !strings.HasPrefix(request, base) && request != tooEarly {
				return fmt.Errorf("it was led to %s", request)
			}
		}
		return nil
	})
}

// HaveSecureCookie holds for a visit that was given the cookie for HTTPS alone,
// out of the reach of scripts.
func HaveSecureCookie(name string) gomegatypes.GomegaMatcher {
	return fact("the cookie "+name+" to be Secure and HttpOnly", func(v harness.Visit) error {
		for _, c := range v.Cookies {
			if c.Name != name {
				continue
			}
			if !c.Secure || !c.HTTPOnly {
				return fmt.Errorf("it is Secure: %t, HttpOnly: %t", c.Secure, c.HTTPOnly)
			}
			return nil
		}
		return fmt.Errorf("the browser has %d cookies without it", len(v.Cookies))
	})
}

// HaveValidOrder holds when one of the orders came to a certificate by the
// challenge of that kind.
func HaveValidOrder(challenge string) gomegatypes.GomegaMatcher {
	return fact("a valid ACME order with a challenge "+challenge, func(orders []harness.Order) error {
		for _, o := range orders {
			if o.State == "valid" && slices.Contains(o.Challenges, challenge) {
				return nil
			}
		}
		return fmt.Errorf("the orders are %+v", orders)
	})
}

// HaveKeptItsPods holds when the pods after a renewal are those before it, with
// no restart in between.
func HaveKeptItsPods() gomegatypes.GomegaMatcher {
	return fact("the same pods of the ingress controller, not restarted", func(r harness.Renewal) error {
		if len(r.Pods) == 0 {
			return errors.New("none was seen")
		}
		for _, before := range r.Pods {
			i := slices.IndexFunc(r.Now, func(now harness.PodFact) bool { return now.UID == before.UID })
			if i < 0 {
				return fmt.Errorf("pod %s is gone", before.Name)
			}
			for _, c := range before.Containers {
				if now, ok := r.Now[i].Container(c.Name); !ok || now.Restarts != c.Restarts {
					return fmt.Errorf("container %s of pod %s was restarted", c.Name, before.Name)
				}
			}
		}
		return nil
	})
}

// KeepTheSession holds when the cookies of a session open the same doors after
// a restart as before.
func KeepTheSession() gomegatypes.GomegaMatcher {
	return fact("the session to open the API and the user interface before and after", func(k harness.Kept) error {
		for _, at := range []struct {
			when    string
			answers harness.Answers
		}{{"before", k.Before}, {"after", k.After}} {
			if got := at.answers.API.Status; got != http.StatusOK {
				return fmt.Errorf("%s the restart the API answers %d: %.100q", at.when, got, at.answers.API.Body)
			}
			if got := at.answers.Login.Status; got < 300 || got > 399 {
				return fmt.Errorf("%s the restart the login page asks for the password again (%d)", at.when, got)
			}
		}
		return nil
	})
}

// BeKnown holds for a session that the user interface knows, or does not know any more.
func BeKnown(want bool) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("a session that is known: %t", want), func(a harness.Answers) error {
		if known := a.Login.Status >= 300 && a.Login.Status <= 399; known != want {
			return fmt.Errorf("the login page answers %d: known: %t", a.Login.Status, known)
		}
		return nil
	})
}

// link finds what a page loads or leads to.
var link = regexp.MustCompile(`(?:href|src)="([^"]+)"`)

// StayBelow holds for a page that links to nothing outside of the base path.
func StayBelow(base string) gomegatypes.GomegaMatcher {
	return fact("links that stay below "+base, func(r harness.Reply) error {
		for _, found := range link.FindAllStringSubmatch(r.Body, -1) {
			if strings.HasPrefix(found[1], "/") && !strings.HasPrefix(found[1], strings.TrimSuffix(base, "/")+"/") {
				return fmt.Errorf("%s links to %s", r.URL, found[1])
			}
		}
		return nil
	})
}

// BeRefused: the API server gave the pod no answer, and the pod was no recluse.
func BeRefused() gomegatypes.GomegaMatcher {
	return fact("no way around the ingress", func(a harness.Around) error {
		switch {
		case a.Status != 0:
			return fmt.Errorf("a pod of namespace %s was answered %d by %s", a.Namespace, a.Status, a.Service)
		case a.Ingress != "":
			return fmt.Errorf("the pod that was refused (%s) did not reach the ingress either, so nothing is known of the policy: %s", a.Refused, a.Ingress)
		}
		return nil
	})
}
