package conformance

// The checks of the area ingress: what people meet between their browser and
// the API server.
var (
	IngressHTTPSVerifies = Check{
		ID: "ingress.https_verifies", Title: "serves HTTPS with a chain that verifies for its name, by TLS 1.2 or newer alone",
		Level: Core, Requires: []Feature{FeatureIngress},
		Sources: []string{"Airflow documentation: Production Guide for the Helm Chart", "apache/airflow#49727"},
		Since:   firstVersion,
		Why:     "A default certificate or an old version of TLS teaches people to click warnings away, and machines to verify nothing.",
	}
	IngressRedirectsHTTP = Check{
		ID: "ingress.redirects_http", Title: "redirects HTTP to HTTPS",
		Level: Core, Requires: []Feature{FeatureIngress},
		Sources: []string{"Airflow documentation: Running Airflow behind a reverse proxy"},
		Since:   firstVersion,
		Why:     "A login that is also served in the clear sends passwords and tokens through the network as they are.",
	}
	IngressHSTS = Check{
		ID: "ingress.hsts", Title: "tells browsers to use HTTPS alone",
		Level: Core, Requires: []Feature{FeatureIngress, FeatureHSTS},
		Sources: []string{"Airflow documentation: Running Airflow behind a reverse proxy"},
		Since:   firstVersion,
		Why:     "Without the header each first request of a browser goes out in the clear and can be held there.",
	}
	IngressAPIToken = Check{
		ID: "ingress.api_token", Title: "serves the API to a token through the ingress",
		Level: Core, Requires: []Feature{FeatureIngress},
		Sources: []string{"Airflow documentation: Public API", "apache/airflow#49727", "apache/airflow#20199"},
		Since:   firstVersion,
		Why:     "Deployments and other systems come in by the same door as people, and a backend that names the wrong service is behind a Ready pod.",
	}
	IngressLoginBrowser = Check{
		ID: "ingress.login_browser", Title: "lets a browser log in, list DAGs, trigger one and read its log, by HTTPS throughout",
		Level: Core, Requires: []Feature{FeatureIngress, FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Running Airflow behind a reverse proxy", "apache/airflow#50056", "kubernetes/ingress-nginx#13306"},
		Since:   firstVersion,
		Why:     "Redirects and cookies that know nothing of the proxy break the login for people while every probe and API call succeeds.",
	}
	IngressLargeLog = Check{
		ID: "ingress.large_log", Title: "passes a log of five megabytes through whole",
		Level: Core, Requires: []Feature{FeatureIngress, FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Logging for Tasks"},
		Since:   firstVersion,
		Why:     "Limits and time-outs of a proxy cut off just the logs that are long because something went wrong.",
	}
	IngressRenewal = Check{
		ID: "ingress.renewal", Title: "serves a renewed certificate without a restart",
		Level: Core, Requires: []Feature{FeatureIngress},
		Sources: []string{"Airflow documentation: Production Guide for the Helm Chart"},
		Since:   firstVersion,
		Why:     "A certificate that is renewed in its secret and served from memory ends on a weekend, months after everything was set up.",
	}
	IngressACME = Check{
		ID: "ingress.acme", Title: "has its certificate issued by ACME",
		Level: Core, Requires: []Feature{FeatureIngress, FeatureACME},
		Sources: []string{"Airflow documentation: Production Guide for the Helm Chart"},
		Since:   firstVersion,
		Why:     "Challenges pass through the same ingress as everything else, and a redirect or rule that swallows them stops every renewal.",
	}
	IngressSession = Check{
		ID: "ingress.session", Title: "keeps a browser's session when the API server restarts",
		Level: Extended, Requires: []Feature{FeatureIngress},
		Sources: []string{"apache/airflow#49871", "apache/airflow#47739"},
		Since:   firstVersion,
		Why:     "Keys that each process makes for itself throw people out at every rollout, and at random where there are several processes.",
	}
	IngressBasePath = Check{
		ID: "ingress.base_path", Title: "serves UI and API below the base path, and its links stay there",
		Level: Core, Requires: []Feature{FeatureIngress, FeatureBasePath},
		Sources: []string{"Airflow documentation: Running Airflow behind a reverse proxy"},
		Since:   firstVersion,
		Why:     "Links and scripts that forget the path lead to another application of the same host.",
	}
	IngressNotAround = Check{
		ID: "ingress.not_around", Title: "lets no pod of another namespace reach the API server around the ingress",
		Level: Core, Requires: []Feature{FeatureIngress, FeatureNetworkPolicy},
		Sources: []string{"Kubernetes documentation: Network Policies"},
		Since:   firstVersion,
		Why:     "TLS, limits and access rules of the ingress protect nothing where every pod of the cluster finds the API server in the clear beside it.",
	}
)

func ingressChecks() []Check {
	return []Check{
		IngressHTTPSVerifies, IngressRedirectsHTTP, IngressHSTS, IngressAPIToken, IngressLoginBrowser,
		IngressLargeLog, IngressRenewal, IngressACME, IngressSession, IngressBasePath, IngressNotAround,
	}
}
