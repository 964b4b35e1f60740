package graylog

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// Kinds of inputs.
const (
	GELFTCP  = "org.graylog2.inputs.gelf.tcp.GELFTCPInput"
	GELFUDP  = "org.graylog2.inputs.gelf.udp.GELFUDPInput"
	GELFHTTP = "org.graylog2.inputs.gelf.http.GELFHttpInput"
)

// Input listens for messages.
type Input struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Type  string `json:"type"`
	State string `json:"state"` // RUNNING, STOPPED, FAILED ...
}

// maxMessage is the longest message that an input takes, in bytes. A GELF
// message over TCP that is longer ends the connection.
const maxMessage = 2 << 20

// EnsureInput makes an input of a kind on a port, unless there is one of the
// title already, and gives its id. It does not wait until the input listens.
func (c *Client) EnsureInput(ctx context.Context, title, kind string, port int) (string, error) {
	inputs, err := c.Inputs(ctx)
	if err != nil {
		return "", err
	}
	if i := slices.IndexFunc(inputs, func(i Input) bool { return i.Title == title }); i >= 0 {
		return inputs[i].ID, nil
	}
	var made struct {
		ID string `json:"id"`
	}
	err = c.call(ctx, http.MethodPost, "/system/inputs", nil, map[string]any{
		"title": title, "type": kind, "global": true,
		"configuration": map[string]any{
			"bind_address": "0.0.0.0", "port": port, "number_worker_threads": 1,
			"recv_buffer_size": 1 << 20, "decompress_size_limit": 8 << 20,
			"max_message_size": maxMessage, "use_null_delimiter": true, "tcp_keepalive": false,
			"max_chunk_size": maxMessage, "idle_writer_timeout": 60, "enable_cors": false,
			"tls_enable": false, "tls_cert_file": "", "tls_key_file": "", "tls_key_password": "",
			"tls_client_auth": "disabled", "tls_client_auth_cert_file": "", "override_source": nil,
		},
	}, &made)
	if err != nil {
		return "", fmt.Errorf("make input %s: %w", title, err)
	}
	return made.ID, nil
}

// Inputs lists every input with its state, ordered by title.
func (c *Client) Inputs(ctx context.Context) ([]Input, error) {
	var made struct {
		Inputs []Input `json:"inputs"`
	}
	if err := c.call(ctx, http.MethodGet, "/system/inputs", nil, nil, &made); err != nil {
		return nil, fmt.Errorf("list inputs: %w", err)
	}
	var states struct {
		States []struct {
			ID    string `json:"id"`
			State string `json:"state"`
		} `json:"states"`
	}
	if err := c.call(ctx, http.MethodGet, "/system/inputstates", nil, nil, &states); err != nil {
		return nil, fmt.Errorf("list the states of inputs: %w", err)
	}
	for i := range made.Inputs {
		made.Inputs[i].State = "STOPPED"
		for _, s := range states.States {
			if s.ID == made.Inputs[i].ID {
				made.Inputs[i].State = s.State
			}
		}
	}
	slices.SortFunc(made.Inputs, func(a, b Input) int {
		if a.Title < b.Title {
			return -1
		}
		return 1
	})
	return made.Inputs, nil
}

// StopInput makes an input refuse connections, and ends those it has.
func (c *Client) StopInput(ctx context.Context, id string) error {
	if err := c.call(ctx, http.MethodDelete, "/system/inputstates/"+id, nil, nil, nil); err != nil {
		return fmt.Errorf("stop input: %w", err)
	}
	return nil
}

// StartInput makes a stopped input listen again.
func (c *Client) StartInput(ctx context.Context, id string) error {
	if err := c.call(ctx, http.MethodPut, "/system/inputstates/"+id, nil, nil, nil); err != nil {
		return fmt.Errorf("start input: %w", err)
	}
	return nil
}
