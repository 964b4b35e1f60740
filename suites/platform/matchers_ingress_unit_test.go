//go:build !e2e

package platform

import (
	"strings"
	"testing"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/harness"
)

func TestIngressMatchers(t *testing.T) {
	answers := func(api, login int) harness.Answers {
		return harness.Answers{API: harness.Reply{Status: api}, Login: harness.Reply{Status: login}}
	}
	pod := func(uid string, restarts int32) harness.PodFact {
		return harness.PodFact{UID: uid, Name: "ingress-" + uid, Containers: []harness.Container{{Name: "traefik", Restarts: restarts}}}
	}
	for _, test := range []struct {
		name    string
		matcher gomegatypes.GomegaMatcher
		actual  any
		want    string // part of what it says; empty when it holds
	}{
		{"status", HaveAnswered(301, 308), harness.Reply{Status: 308}, ""},
		{"another status", HaveAnswered(301, 308), harness.Reply{URL: "http://a/", Status: 200}, "http://a/ answers 200"},
		{"max-age", HaveMaxAge(60), harness.Reply{HSTS: "max-age=60; includeSubDomains"}, ""},
		{"a longer max-age", HaveMaxAge(60), harness.Reply{HSTS: "max-age=600"}, `the header is "max-age=600"`},
		{"no header", HaveMaxAge(60), harness.Reply{}, `the header is ""`},
		{"https", StayOnHTTPS("https://a/"), harness.Visit{Requests: []string{"https://a/", "https://a/b"}}, ""},
		{"below a base path", StayOnHTTPS("https://a/b/"), harness.Visit{Requests: []string{"https://a/b/", "https://a/api/v2/version"}}, ""},
		{"led out of the base path", StayOnHTTPS("https://a/b/"), harness.Visit{Requests: []string{"https://a/b/", "https://a/ui/config"}}, "it was led to https://a/ui/config"},
		{"another's version", StayOnHTTPS("https://a/b/"), harness.Visit{Requests: []string{"https://a/b/", "http://a/api/v2/version"}}, "it was led to http://a/api/v2/version"},
		{"led to http", StayOnHTTPS("https://a/"), harness.Visit{Requests: []string{"https://a/", "http://a:8080/home"}}, "it was led to http://a:8080/home"},
		{"nothing asked", StayOnHTTPS("https://a/"), harness.Visit{}, "none was seen"},
		{"cookie", HaveSecureCookie("_token"), harness.Visit{Cookies: []harness.Cookie{{Name: "_token", Secure: true, HTTPOnly: true}}}, ""},
		{"cookie for http too", HaveSecureCookie("_token"), harness.Visit{Cookies: []harness.Cookie{{Name: "_token", HTTPOnly: true}}}, "it is Secure: false"},
		{"no cookie", HaveSecureCookie("_token"), harness.Visit{Cookies: []harness.Cookie{{Name: "session"}}}, "1 cookies without it"},
		{"order", HaveValidOrder("http-01"), []harness.Order{{State: "valid", Challenges: []string{"dns-01", "http-01"}}}, ""},
		{"order under way", HaveValidOrder("http-01"), []harness.Order{{State: "pending", Challenges: []string{"http-01"}}}, "pending"},
		{"same pods", HaveKeptItsPods(), harness.Renewal{Pods: []harness.PodFact{pod("1", 2)}, Now: []harness.PodFact{pod("1", 2)}}, ""},
		{"another pod", HaveKeptItsPods(), harness.Renewal{Pods: []harness.PodFact{pod("1", 0)}, Now: []harness.PodFact{pod("2", 0)}}, "pod ingress-1 is gone"},
		{"restarted", HaveKeptItsPods(), harness.Renewal{Pods: []harness.PodFact{pod("1", 0)}, Now: []harness.PodFact{pod("1", 1)}}, "container traefik of pod ingress-1 was restarted"},
		{"no pods", HaveKeptItsPods(), harness.Renewal{}, "none was seen"},
		{"session", KeepTheSession(), harness.Kept{Before: answers(200, 302), After: answers(200, 302)}, ""},
		{"token lost", KeepTheSession(), harness.Kept{Before: answers(200, 302), After: answers(403, 302)}, "after the restart the API answers 403"},
		{"session lost", KeepTheSession(), harness.Kept{Before: answers(200, 302), After: answers(200, 200)}, "after the restart the login page asks"},
		{"never in", KeepTheSession(), harness.Kept{Before: answers(401, 200), After: answers(401, 200)}, "before the restart"},
		{"links below", StayBelow("/air"), harness.Reply{Body: `<base href="/air/"><script src="/air/a.js"></script><a href="b">`}, ""},
		{"link outside", StayBelow("/air"), harness.Reply{Body: `<script src="/static/a.js">`}, "links to /static/a.js"},
		{"link to a neighbour", StayBelow("/air"), harness.Reply{Body: `<a href="/airport/">`}, "links to /airport/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := said(t, test.matcher, test.actual)
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("it says %q, want %q", got, test.want)
			}
		})
	}
}
