package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// Pooling is who reaches the database, as the pooler and the database see it.
type Pooling struct {
	// Clients are the pooler's, by the name of their component; those that are of
	// none stand under their address.
	Clients map[string]int `json:"clients"`
	// Without are components of which no pod is a client of the pooler.
	Without []string `json:"without,omitempty"`
	// Servers are the sessions that the pooler holds at the database.
	Servers []int `json:"servers"`
	// Past are the sessions of the platform's user at the database that are not the pooler's.
	Past []DatabaseSession `json:"past,omitempty"`
}

// DatabaseSession is one connection as the database sees it.
type DatabaseSession struct {
	PID         int    `json:"pid"`
	Application string `json:"application,omitempty"`
	Address     string `json:"address,omitempty"` // outside the cluster: the node's, for every pod on it
	State       string `json:"state,omitempty"`
	TLS         string `json:"tls,omitempty"` // version of the protocol; empty where it is in the clear
	Began       string `json:"began,omitempty"`
}

const everyConsole = 500 * time.Millisecond

// Pooling waits until every component is a client of the pooler, or a session
// at the database is seen that is not the pooler's, and gives what was seen last.
func (s *Session) Pooling(ctx context.Context) (Pooling, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	pooler := s.suite.stack.Release.Pooler
	if pooler == nil {
		return Pooling{}, errors.New("ask the pooler: the platform has none")
	}
	address, closing, err := s.suite.clients.kube.Forward(ctx, "service/"+pooler.Service, pooler.Port)
	defer closing()
	if err != nil {
		return Pooling{}, err
	}
	last, err := await.Until(ctx, "every component to be a client of the pooler", everyConsole,
		func(ctx context.Context) (Pooling, error) { return s.pooling(ctx, address) },
		func(p Pooling) error {
			switch {
			case len(p.Past) > 0:
				return await.Stop(fmt.Errorf("%d sessions are not the pooler's", len(p.Past)))
			case len(p.Without) > 0:
				return fmt.Errorf("these are not: %s", strings.Join(p.Without, ", "))
			}
			return nil
		})
	s.fact("pooling", last)
	if last.Clients != nil {
		return last, nil // what is missing in it is for the check to say
	}
	return last, err
}

func (s *Session) pooling(ctx context.Context, address string) (Pooling, error) {
	p := Pooling{Clients: map[string]int{}}
	// The pooler is asked before and after the database: a session that it opens
	// or closes meanwhile is in one of the two answers.
	before, err := standing.AskPooler(ctx, address, s.suite.stack.Database, "SHOW CLIENTS", "SHOW SERVERS")
	if err != nil {
		return p, err
	}
	sessions, err := s.databaseSessions(ctx)
	if err != nil {
		return p, err
	}
	after, err := standing.AskPooler(ctx, address, s.suite.stack.Database, "SHOW SERVERS")
	if err != nil {
		return p, err
	}
	clients := addresses(before[0], s.suite.stack.Database.Database)
	for _, component := range s.suite.stack.Release.Components {
		pods, err := s.componentPods(ctx, component.Name)
		if err != nil {
			return p, err
		}
		for _, pod := range pods {
			p.Clients[component.Name] += clients[pod.IP]
			delete(clients, pod.IP)
		}
		if p.Clients[component.Name] == 0 {
			p.Without = append(p.Without, component.Name)
		}
	}
	for other, count := range clients {
		p.Clients[other] = count
	}
	p.Servers = backends(before[1], after[0])
	for _, session := range sessions {
		if !slices.Contains(p.Servers, session.PID) {
			p.Past = append(p.Past, session)
		}
	}
	return p, nil
}

// addresses counts the clients of one database by where they come from.
func addresses(clients []map[string]string, database string) map[string]int {
	count := map[string]int{}
	for _, client := range clients {
		if client["database"] == database {
			count[client["addr"]]++
		}
	}
	return count
}

// backends are the database's processes that serve the pooler, of several answers.
func backends(answers ...[]map[string]string) []int {
	var pids []int
	for _, server := range slices.Concat(answers...) {
		if pid, err := strconv.Atoi(server["remote_pid"]); err == nil && pid != 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// databaseSessions are those of the platform's user, without airworthy's own.
func (s *Session) databaseSessions(ctx context.Context) ([]DatabaseSession, error) {
	db, err := standing.ConnectDatabase(ctx, s.Asked().Database.Kind, s.suite.clients.database)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT pid, application_name, coalesce(host(client_addr), ''), coalesce(state, ''), backend_start::text, "+
		"coalesce(version, '') FROM pg_stat_activity LEFT JOIN pg_stat_ssl USING (pid) WHERE usename = current_user AND backend_type = 'client backend' AND application_name <> '"+standing.Application+"'")
	if err != nil {
		return nil, fmt.Errorf("list the database's sessions: %w", err)
	}
	defer rows.Close()
	var sessions []DatabaseSession
	for rows.Next() {
		var one DatabaseSession
		if err := rows.Scan(&one.PID, &one.Application, &one.Address, &one.State, &one.Began, &one.TLS); err != nil {
			return nil, fmt.Errorf("list the database's sessions: %w", err)
		}
		sessions = append(sessions, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list the database's sessions: %w", err)
	}
	return sessions, nil
}
