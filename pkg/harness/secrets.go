package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// connectionsDAG reads both connections, and storedConnection is the one that
// the API writes into the database. The other comes with the environment.
const (
	connectionsDAG   = "connections"
	storedConnection = "airworthy_database"
)

// ConnectionsRun is a run whose task read connections from two places.
type ConnectionsRun struct {
	Run Run `json:"run"`
	// Read maps each connection's id to what the task found: host, port, login
	// and a hash of the password, or error.
	Read map[string]map[string]any `json:"read"`
	// Encrypted and Clear say how the password lies in the database; Clear holds
	// when it can be read there by anybody.
	Encrypted bool `json:"encrypted"`
	Clear     bool `json:"clear"`
}

// CheckedConnections names the connections that ConnectionsRun reads.
func CheckedConnections() []string { return []string{platform.CheckedConnection, storedConnection} }

// WantedConnection is what a task must find of either connection.
func (s *Session) WantedConnection() map[string]any {
	sum := sha256.Sum256([]byte(s.suite.stack.ConnectionSecret))
	return map[string]any{
		"host": platform.CheckedHost, "port": float64(platform.CheckedPort), "login": platform.CheckedLogin,
		"password": hex.EncodeToString(sum[:]),
	}
}

// ConnectionPassword is what no log may hold.
func (s *Session) ConnectionPassword() string { return s.suite.stack.ConnectionSecret }

// ConnectionsRun writes a connection into the database by Airflow's API, looks
// at how it lies there, and runs the DAG that reads it. It happens once for all
// checks that look at it.
func (s *Session) ConnectionsRun(ctx context.Context) (ConnectionsRun, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.DAGRun)
	defer cancel()
	got, err := once(ctx, s.suite.sharedDir(), "connections", s.readConnections)
	s.fact("connections", got)
	return got, err
}

func (s *Session) readConnections(ctx context.Context) (got ConnectionsRun, err error) {
	// Airflow cannot even delete a connection whose password it cannot decrypt,
	// so none is left to a platform that has another key by then.
	defer func() {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if removal := s.Airflow.DeleteConnection(fresh, storedConnection); removal != nil && !airflow.NotFound(removal) {
			err = errors.Join(err, fmt.Errorf("remove connection %s: %w", storedConnection, removal))
		}
	}()
	if err := s.Airflow.DeleteConnection(ctx, storedConnection); err != nil && !airflow.NotFound(err) {
		return got, fmt.Errorf("remove connection %s: %w", storedConnection, err)
	}
	err = s.Airflow.AddConnection(ctx, airflow.Connection{
		ID: storedConnection, Type: "http", Host: platform.CheckedHost, Port: platform.CheckedPort,
		Login: platform.CheckedLogin, Password: s.ConnectionPassword(),
	})
	if err != nil {
		return got, fmt.Errorf("add connection %s: %w", storedConnection, err)
	}
	if err := s.lookAtStored(ctx, &got); err != nil {
		return got, err
	}
	if _, err := s.start(ctx, connectionsDAG); err != nil {
		return got, err
	}
	if got.Run, err = s.finish(ctx, connectionsDAG); err != nil || got.Run.State != airflow.Success {
		return got, err
	}
	value, err := s.Airflow.XCom(ctx, connectionsDAG, got.Run.ID, "read", -1, "return_value")
	if err != nil {
		return got, fmt.Errorf("read what the task found: %w", err)
	}
	found, _ := value.(map[string]any)
	got.Read = map[string]map[string]any{}
	for id, connection := range found {
		got.Read[id], _ = connection.(map[string]any)
	}
	return got, nil
}

// lookAtStored reads the row that Airflow wrote.
func (s *Session) lookAtStored(ctx context.Context, got *ConnectionsRun) error {
	db, err := standing.ConnectDatabase(ctx, s.Asked().Database.Kind, s.suite.clients.database)
	if err != nil {
		return err
	}
	defer db.Close()
	var password string
	// The id is a constant of ours: databases differ in how a parameter is written.
	row := db.QueryRowContext(ctx, "SELECT password, is_encrypted FROM connection WHERE conn_id = '"+storedConnection+"'")
	if err := row.Scan(&password, &got.Encrypted); err != nil {
		return fmt.Errorf("read connection %s in the database: %w", storedConnection, err)
	}
	got.Clear = password == s.ConnectionPassword()
	return nil
}
