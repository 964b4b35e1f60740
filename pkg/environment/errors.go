package environment

import "fmt"

// ConfigError is a cluster that cannot be had as configured, and that a change
// of the run file or of what it names would mend.
type ConfigError struct {
	Key  string // key of the run file, such as cluster.apiPort
	Err  error  // what is wrong
	Mend string // what to do, as an imperative clause
}

func (e *ConfigError) Error() string { return fmt.Sprintf("%s: %v; %s", e.Key, e.Err, e.Mend) }

// Unwrap gives what is wrong.
func (e *ConfigError) Unwrap() error { return e.Err }

// UnreachableError is a cluster whose API server gave no useful answer.
type UnreachableError struct {
	Cluster string
	Address string // URL of the API server
	Err     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the API server of cluster %s at %s did not answer within %s: %v", e.Cluster, e.Address, answerWithin, e.Err)
}

// Unwrap gives the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }
