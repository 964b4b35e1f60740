//go:build e2e

package platform

import (
	"net/http"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/conformance"
)

var _ = Describe("the ingress", func() {
	It("serves HTTPS that verifies, by current versions of TLS", suite.Check(conformance.IngressHTTPSVerifies), func(ctx SpecContext) {
		s := suite.Session(ctx)
		hand, err := s.Handshake(ctx)
		Expect(err).To(BeWithoutError())
		Expect(hand.Names).To(ContainElement(s.Asked().Ingress.Host), "names of the certificate")
		Expect(hand.NotAfter).To(BeTemporally(">", time.Now()), "end of the certificate")
		Expect(hand.Old).To(BeEmpty(), "versions of TLS before 1.2 that are spoken")

		By("asking the API server for its version by that name")
		answer, err := s.ByHTTPS(ctx, "/api/v2/version")
		Expect(err).To(BeWithoutError())
		Expect(answer).To(HaveAnswered(http.StatusOK))
	})

	It("redirects HTTP to HTTPS", suite.Check(conformance.IngressRedirectsHTTP), func(ctx SpecContext) {
		s := suite.Session(ctx)
		answer, err := s.ByHTTP(ctx, "/api/v2/version")
		Expect(err).To(BeWithoutError())
		Expect(answer).To(HaveAnswered(http.StatusMovedPermanently, http.StatusPermanentRedirect))
		Expect(answer.Location).To(Equal(s.IngressURL("/api/v2/version")), "where the redirect leads")
	})

	It("is the only way to the API server", suite.Check(conformance.IngressNotAround), func(ctx SpecContext) {
		s := suite.Session(ctx)
		answer, err := s.ByHTTPS(ctx, "/api/v2/version")
		Expect(err).To(BeWithoutError())
		Expect(answer).To(HaveAnswered(http.StatusOK))

		By("going to the API server from a pod of another namespace")
		around, err := s.GoAround(ctx)
		Expect(err).To(BeWithoutError())
		Expect(around).To(BeRefused())
	})

	It("tells browsers to use HTTPS alone", suite.Check(conformance.IngressHSTS), func(ctx SpecContext) {
		s := suite.Session(ctx)
		answer, err := s.ByHTTPS(ctx, "/api/v2/version")
		Expect(err).To(BeWithoutError())
		Expect(answer).To(HaveMaxAge(s.Asked().Ingress.HSTS))
	})

	It("serves the API to a token", suite.Check(conformance.IngressAPIToken), func(ctx SpecContext) {
		s := suite.Session(ctx)
		through, err := s.ThroughIngress(ctx)
		Expect(err).To(BeWithoutError(), "reaching the API through the ingress")

		By("comparing what the API says through the ingress and beside it")
		version, err := through.Version(ctx)
		Expect(err).To(BeWithoutError())
		Expect(version.Version).To(Equal(s.Asked().Platform.AirflowVersion))
		dags, err := through.DAGs(ctx)
		Expect(err).To(BeWithoutError(), "listing DAGs with a token")
		beside, err := s.Airflow.DAG(ctx, "two_steps")
		Expect(err).To(BeWithoutError())
		Expect(slices.ContainsFunc(dags, func(d airflow.DAG) bool { return d.ID == beside.ID })).To(BeTrue(), "DAG %s in the list that came through the ingress", beside.ID)
	})

	It("passes a large log through whole", suite.Check(conformance.IngressLargeLog), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "log_content")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))
		// A pod uploads its log in its last seconds.
		_, err = s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())

		By("reading five megabytes through the ingress")
		through, err := s.ThroughIngress(ctx)
		Expect(err).To(BeWithoutError(), "reaching the API through the ingress")
		log, err := through.TaskLog(ctx, run.Ref("write", 1), "")
		Expect(err).To(BeWithoutError(), "reading the log through the ingress")
		Expect(log).To(HaveBulk("airworthy bulk ", 5*1024, 1023))
		Expect(log).To(HaveLine("airworthy marker: all written"))
	})

	It("serves UI and API below the base path", suite.Check(conformance.IngressBasePath), func(ctx SpecContext) {
		s := suite.Session(ctx)
		By("asking for the application that draws the user interface")
		page, err := s.ByHTTPS(ctx, "/")
		Expect(err).To(BeWithoutError())
		Expect(page).To(HaveAnswered(http.StatusOK))
		Expect(page).To(StayBelow(s.Asked().Ingress.Path))

		By("asking for the login page")
		login, err := s.ByHTTPS(ctx, "/api/v2/auth/login")
		Expect(err).To(BeWithoutError())
		Expect(login.Location).To(HavePrefix(s.IngressURL("/")), "where the login leads")

		By("using the API there")
		through, err := s.ThroughIngress(ctx)
		Expect(err).To(BeWithoutError(), "reaching the API through the ingress")
		_, err = through.DAGs(ctx)
		Expect(err).To(BeWithoutError(), "listing DAGs with a token")
	})
})

// Ordered: a browser trusts the certificate by its key, and the renewal
// replaces the key.
var _ = Describe("the ingress, one after the other,", SpecPriority(second), Ordered, ContinueOnFailure, func() {
	It("lets a browser work with the platform", suite.Check(conformance.IngressLoginBrowser), func(ctx SpecContext) {
		s := suite.Session(ctx)
		if err := s.HasBrowser(); err != nil {
			s.Block(err.Error())
		}
		visit, err := s.VisitByBrowser(ctx, "two_steps", "first", "airworthy marker: first has begun")
		Expect(err).To(BeWithoutError())
		Expect(visit.Run).To(HaveState(airflow.Success))

		By("looking at where the browser was led")
		Expect(visit).To(StayOnHTTPS(s.IngressURL("/")))
		Expect(visit).To(HaveSecureCookie("_token"))
	})

	It("has its certificate issued by ACME", suite.Check(conformance.IngressACME), func(ctx SpecContext) {
		s := suite.Session(ctx)
		// It verifies against the root certificate that the ACME server named.
		_, err := s.Handshake(ctx)
		Expect(err).To(BeWithoutError())
		orders, err := s.ACMEOrders(ctx)
		Expect(err).To(BeWithoutError())
		Expect(orders).To(HaveValidOrder("http-01"))
	})

	It("serves a renewed certificate without a restart", suite.Check(conformance.IngressRenewal), func(ctx SpecContext) {
		s := suite.Session(ctx)
		renewal, err := s.RenewCertificate(ctx)
		Expect(err).To(BeWithoutError())
		Expect(renewal.After.Serial).NotTo(Equal(renewal.Before.Serial))
		Expect(renewal).To(HaveKeptItsPods())
	})
})
