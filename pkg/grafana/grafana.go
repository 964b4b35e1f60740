// Package grafana is a typed client of Grafana's HTTP API, for what a check of
// dashboards needs: which there are, what each holds, and what a data source
// answers through Grafana. It reads the answers of version 7 and of all later
// ones. It knows the standard library alone, as pkg/graylog does.
package grafana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/airworthy/airworthy/internal/rest"
)

// Client talks to one Grafana that lets anyone look. It is safe for concurrent use.
type Client struct{ api *rest.API }

// New makes a client for host:port; nothing is asked yet.
func New(address string) *Client { return &Client{rest.New("Grafana", "http://"+address, nil)} }

// Version is what Grafana says of itself, such as 12.4.0. An error where its
// own database does not answer.
func (c *Client) Version(ctx context.Context) (string, error) {
	var health struct {
		Database string `json:"database"`
		Version  string `json:"version"`
	}
	if err := c.get(ctx, "/api/health", nil, &health); err != nil {
		return "", err
	}
	if health.Database != "ok" {
		return health.Version, fmt.Errorf("Grafana says that its database is %q", health.Database)
	}
	return health.Version, nil
}

// DataSource is one that Grafana offers to whoever looks.
type DataSource struct {
	ID      int    `json:"id"` // what versions before 9 know it by
	UID     string `json:"uid"`
	Name    string `json:"name"`
	Type    string `json:"type"` // such as prometheus
	Default bool   `json:"isDefault"`
}

// DataSources lists them by name, without those that are built in.
func (c *Client) DataSources(ctx context.Context) ([]DataSource, error) {
	var settings struct {
		DataSources map[string]DataSource `json:"datasources"`
	}
	if err := c.get(ctx, "/api/frontend/settings", nil, &settings); err != nil {
		return nil, err
	}
	var all []DataSource
	for name, one := range settings.DataSources {
		// What is built in has names of its own kind: "-- Grafana --", "__expr__".
		if builtIn := strings.HasPrefix(name, "-- ") || strings.HasPrefix(one.UID, "__"); !builtIn {
			one.Name = name
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b DataSource) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Dashboard is one entry of a search.
type Dashboard struct {
	UID    string `json:"uid"`
	Title  string `json:"title"`
	Folder string `json:"folderTitle,omitempty"`
	URL    string `json:"url"` // path of its page
}

// searchLimit is the most that Grafana gives at once.
const searchLimit = "5000"

// Dashboards lists all that whoever looks may see.
func (c *Client) Dashboards(ctx context.Context) ([]Dashboard, error) {
	var all []Dashboard
	err := c.get(ctx, "/api/search", url.Values{"type": {"dash-db"}, "limit": {searchLimit}}, &all)
	return all, err
}

// Content is a dashboard's JSON as Grafana holds it.
func (c *Client) Content(ctx context.Context, uid string) (json.RawMessage, error) {
	var answer struct {
		Dashboard json.RawMessage `json:"dashboard"`
	}
	if err := c.get(ctx, "/api/dashboards/uid/"+url.PathEscape(uid), nil, &answer); err != nil {
		return nil, err
	}
	if len(answer.Dashboard) == 0 {
		return nil, fmt.Errorf("Grafana's answer for dashboard %s holds none", uid)
	}
	return answer.Dashboard, nil
}

// Values asks a Prometheus data source for an expression over the last minutes,
// as a panel does, and says how many values a graph of it would have.
func (c *Client) Values(ctx context.Context, source DataSource, expression string, last time.Duration) (int, error) {
	const ref = "A"
	query := map[string]any{
		"refId": ref, "expr": expression, "range": true, "intervalMs": 15000, "maxDataPoints": 200,
		"datasource":   map[string]string{"type": source.Type, "uid": source.UID},
		"datasourceId": source.ID,
	}
	body := map[string]any{"queries": []any{query}, "from": fmt.Sprintf("now-%ds", int(last.Seconds())), "to": "now"}
	answer, err := c.query(ctx, body)
	if err != nil {
		return 0, fmt.Errorf("ask %s for %s: %w", source.Name, expression, err)
	}
	result, ok := answer.Results[ref]
	if !ok {
		return 0, fmt.Errorf("ask %s for %s: Grafana gave no result: %s", source.Name, expression, answer.Message)
	}
	if result.Error != "" {
		return 0, fmt.Errorf("ask %s for %s: %s", source.Name, expression, result.Error)
	}
	return result.values(), nil
}

// answer is that to a query.
type answer struct {
	Results map[string]result `json:"results"`
	Message string            `json:"message"`
}

type result struct {
	Error  string `json:"error"`
	Frames []struct {
		Schema struct {
			Fields []struct {
				Type string `json:"type"`
			} `json:"fields"`
		} `json:"schema"`
		Data struct {
			Values [][]any `json:"values"` // of each field; null is no number
		} `json:"data"`
	} `json:"frames"`
	// Series is what version 7 answers: pairs of value and time.
	Series []struct {
		Points [][]any `json:"points"`
	} `json:"series"`
}

// values counts the numbers.
func (r result) values() (count int) {
	for _, frame := range r.Frames {
		for i, field := range frame.Schema.Fields {
			if field.Type != "number" || i >= len(frame.Data.Values) {
				continue
			}
			for _, value := range frame.Data.Values[i] {
				if value != nil {
					count++
				}
			}
		}
	}
	for _, one := range r.Series {
		for _, point := range one.Points {
			if len(point) > 0 && point[0] != nil {
				count++
			}
		}
	}
	return count
}

func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	data, err := c.api.Call(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	return c.api.Decode(data, into)
}

// query asks data sources. What one of them refused stands in the answer's
// results, whatever the status.
func (c *Client) query(ctx context.Context, body any) (a answer, err error) {
	data, err := c.api.Call(ctx, http.MethodPost, "/api/ds/query", nil, body)
	var refused *rest.StatusError
	if errors.As(err, &refused) && json.Unmarshal(refused.Content, &a) == nil && len(a.Results) > 0 {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	return a, c.api.Decode(data, &a)
}
