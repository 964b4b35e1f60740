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
	if err := s.storeConnection(ctx); err != nil {
		return got, err
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
	got.Read, err = s.foundConnections(ctx, got.Run)
	return got, err
}

// storeConnection writes the connection into the database through the API.
func (s *Session) storeConnection(ctx context.Context) error {
	if err := s.Airflow.DeleteConnection(ctx, storedConnection); err != nil && !airflow.NotFound(err) {
		return fmt.Errorf("remove connection %s: %w", storedConnection, err)
	}
	err := s.Airflow.AddConnection(ctx, airflow.Connection{
		ID: storedConnection, Type: "http", Host: platform.CheckedHost, Port: platform.CheckedPort,
		Login: platform.CheckedLogin, Password: s.ConnectionPassword(),
	})
	if err != nil {
		return fmt.Errorf("add connection %s: %w", storedConnection, err)
	}
	return nil
}

// foundConnections is what the task of a successful run found.
func (s *Session) foundConnections(ctx context.Context, run Run) (map[string]map[string]any, error) {
	value, err := s.Airflow.XCom(ctx, connectionsDAG, run.ID, "read", -1, "return_value")
	if err != nil {
		return nil, fmt.Errorf("read what the task found: %w", err)
	}
	found, _ := value.(map[string]any)
	read := map[string]map[string]any{}
	for id, connection := range found {
		read[id], _ = connection.(map[string]any)
	}
	return read, nil
}

// lookAtStored reads the row that Airflow wrote.
func (s *Session) lookAtStored(ctx context.Context, got *ConnectionsRun) error {
	password, encrypted, err := s.storedPassword(ctx)
	got.Clear, got.Encrypted = password == s.ConnectionPassword(), encrypted
	return err
}

// storedPassword is the stored connection's password as the database holds it.
func (s *Session) storedPassword(ctx context.Context) (password string, encrypted bool, err error) {
	err = s.row(ctx, "SELECT password, is_encrypted FROM connection WHERE conn_id = ?", []any{storedConnection}, &password, &encrypted)
	if err != nil {
		return "", false, fmt.Errorf("read connection %s: %w", storedConnection, err)
	}
	return password, encrypted, nil
}
