package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// environmentDAG is the DAG whose task looks for texts in its own environment. It
// is told their hashes and lengths alone: what a run is given stands in the
// database and in the user interface.
const environmentDAG = "log_content"

// conf is what the shared run of a DAG is given.
func (s *Session) conf(dag string) map[string]any {
	if dag == heldDAG && (s.variant == "-"+heldVariant || s.variant == "-"+adoptedVariant) {
		return map[string]any{"hold": true}
	}
	if dag != environmentDAG {
		return nil
	}
	known := func(secret string) map[string]any {
		sum := sha256.Sum256([]byte(secret))
		return map[string]any{"sha256": hex.EncodeToString(sum[:]), "length": len(secret)}
	}
	return map[string]any{"look_for": map[string]any{
		"database": known(s.suite.stack.Database.Secret), "connection": known(s.ConnectionPassword()),
	}}
}

// ShownToTasks lists the variables of a task's environment that hold the
// database's password, as the task's own code sees it. Airflow puts something else
// in the place of the connection that it knows of; of others it knows nothing. The
// task looks for the password of a connection too, which its environment is meant to
// hold: where it does not find that either, the spec is blocked.
func (s *Session) ShownToTasks(ctx context.Context, run Run) ([]Shown, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	value, err := s.Airflow.XCom(ctx, run.DAG, run.ID, "write", -1, "environment")
	if err != nil {
		return nil, fmt.Errorf("read what the task found in its environment: %w", err)
	}
	s.fact("environment-of-a-task", value)
	database, connection, err := foundInEnvironment(value)
	if err != nil {
		return nil, err
	}
	if len(connection) == 0 {
		s.Unable("the task did not find the connection that its environment is meant to hold (see secrets.connections_agree)")
	}
	var shown []Shown
	for _, name := range database {
		shown = append(shown, Shown{Secret: standing.DatabasePassword, Place: "variable " + name + " of a task's environment"})
	}
	return shown, nil
}

// foundInEnvironment reads the names of variables that a task returned.
func foundInEnvironment(value any) (database, connection []string, err error) {
	found, _ := value.(map[string]any)
	for what, names := range map[string]*[]string{"database": &database, "connection": &connection} {
		list, ok := found[what].([]any)
		if !ok {
			return nil, nil, fmt.Errorf("the task said nothing of the %s: %v", what, value)
		}
		for _, name := range list {
			*names = append(*names, fmt.Sprint(name))
		}
	}
	return database, connection, nil
}
