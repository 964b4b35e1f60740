// Package evidence owns the run directory: what is written, where, redacted
// how, and summed. It must not know Kubernetes, Airflow or Ginkgo.
package evidence
