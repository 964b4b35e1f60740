package stack

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// ConnectDatabase opens a connection of this process to the metadata database
// of the stack. The caller closes it.
func ConnectDatabase(ctx context.Context, h Handoff) (*pgx.Conn, error) {
	if h.Database.FromHost == "" {
		return nil, fmt.Errorf("connect to the database of stack %s: it has no address on this machine", h.Name)
	}
	address := url.URL{Scheme: "postgres", Host: h.Database.FromHost, User: url.UserPassword(h.Database.User, h.Database.Secret), Path: "/" + h.Database.Database}
	conn, err := pgx.Connect(ctx, address.String())
	if err != nil {
		return nil, fmt.Errorf("connect to the database of stack %s: %w", h.Name, err)
	}
	return conn, nil
}
