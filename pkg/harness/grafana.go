package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/airworthy/airworthy/internal/rest"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/browser"
	"github.com/airworthy/airworthy/pkg/grafana"
)

// Where the add-on serves Grafana, in the namespace of the add-ons.
const (
	grafanaService = "service/grafana"
	grafanaPort    = 3000
)

// shownIn is the Grafana of the stack as this process reaches it.
type shownIn struct {
	*grafana.Client
	address string
	version string
}

// grafana connects to Grafana once for each process.
func (s *Session) grafana(ctx context.Context) (*shownIn, error) {
	c := s.suite.clients
	if c.grafana != nil {
		return c.grafana, nil
	}
	// The forwarding outlives the check; it ends with the process.
	addr, closing, err := c.kube.In(s.suite.stack.AddonsIn).Forward(context.WithoutCancel(ctx), grafanaService, grafanaPort)
	if err != nil {
		return nil, err
	}
	client := grafana.New(addr)
	version, err := client.Version(ctx)
	if err != nil {
		closing()
		return nil, err
	}
	c.grafana = &shownIn{client, addr, version}
	return c.grafana, nil
}

// askGrafana lets the next question find Grafana anew where this one got no
// answer at all: a forwarded port ends with its pod.
func (s *Session) askGrafana(ctx context.Context, ask func(*shownIn) error) error {
	shown, err := s.grafana(ctx)
	if err == nil {
		err = ask(shown)
	}
	if rest.Unreachable(err) {
		s.suite.clients.grafana = nil
	}
	return err
}

// Dashboards is what Grafana holds of the dashboards that the platform brings.
type Dashboards struct {
	Grafana string               `json:"grafana"` // its version
	Held    []grafana.Dashboard  `json:"held"`
	Sources []grafana.DataSource `json:"sources"`
	Queries []DashboardQuery     `json:"queries"` // of the dashboards as Grafana holds them
}

// identity is how a dashboard is found again.
type identity struct {
	UID   string `json:"uid"` // empty where Grafana is to give one
	Title string `json:"title"`
}

func (i identity) is(d grafana.Dashboard) bool {
	return d.Title == i.Title && (i.UID == "" || d.UID == i.UID)
}

// brought reads which dashboards the platform brings, by file name.
func (s *Session) brought(ctx context.Context) (map[string]identity, error) {
	configMaps, err := s.dashboards(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]identity{}
	for _, one := range configMaps {
		for file, content := range one.Data {
			var id identity
			if err := json.Unmarshal([]byte(content), &id); err != nil {
				return nil, fmt.Errorf("read dashboard %s: %w", file, err)
			}
			all[file] = id
		}
	}
	if len(all) == 0 {
		return nil, errors.New("the platform brings no dashboard: no ConfigMap has the label grafana_dashboard=1")
	}
	return all, nil
}

// ShownDashboards waits until Grafana has every dashboard that the platform
// brings, and reads them there.
func (s *Session) ShownDashboards(ctx context.Context) (Dashboards, error) {
	ctx, cancel := s.within(ctx, s.metricsTimeout())
	defer cancel()
	var shown Dashboards
	brought, err := s.brought(ctx)
	if err != nil {
		return shown, err
	}
	held, err := await.Until(ctx, "Grafana to have every dashboard of the platform", everyScrape,
		func(ctx context.Context) (held []grafana.Dashboard, err error) {
			return held, s.askGrafana(ctx, func(g *shownIn) (err error) {
				held, err = g.Dashboards(ctx)
				return err
			})
		},
		func(held []grafana.Dashboard) error { return lacks(brought, held) })
	shown.Held = held
	if err == nil {
		err = s.askGrafana(ctx, func(g *shownIn) error { return shown.read(ctx, g, brought) })
	}
	s.fact("grafana", shown)
	return shown, err
}

// lacks names the dashboards that are not held.
func lacks(brought map[string]identity, held []grafana.Dashboard) error {
	var missing []string
	for _, file := range slices.Sorted(maps.Keys(brought)) {
		id := brought[file]
		if !slices.ContainsFunc(held, id.is) {
			missing = append(missing, fmt.Sprintf("%s, titled %q", file, id.Title))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var titles []string
	for _, one := range held {
		titles = append(titles, fmt.Sprintf("%q", one.Title))
	}
	return fmt.Errorf("it lacks %s; it has %d: %s", strings.Join(missing, " and "), len(held), strings.Join(titles, ", "))
}

// read asks for the content of the platform's dashboards, and where it comes from.
func (w *Dashboards) read(ctx context.Context, g *shownIn, brought map[string]identity) (err error) {
	w.Grafana = g.version
	if w.Sources, err = g.DataSources(ctx); err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(brought)) {
		i := slices.IndexFunc(w.Held, brought[file].is)
		content, err := g.Content(ctx, w.Held[i].UID)
		if err != nil {
			return err
		}
		queries, err := dashboardQueries(file, content)
		if err != nil {
			return err
		}
		w.Queries = append(w.Queries, queries...)
	}
	return nil
}

// source finds what a query of a dashboard asks.
func (w Dashboards) source(q DashboardQuery) (grafana.DataSource, error) {
	fits := func(d grafana.DataSource) bool { return q.Source.Type == "" || d.Type == q.Source.Type }
	if q.Source.Name == "" {
		// The default, or for a variable the first of its type.
		for _, only := range []func(grafana.DataSource) bool{func(d grafana.DataSource) bool { return d.Default }, fits} {
			i := slices.IndexFunc(w.Sources, func(d grafana.DataSource) bool { return only(d) && fits(d) })
			if i >= 0 {
				return w.Sources[i], nil
			}
		}
		return grafana.DataSource{}, fmt.Errorf("dashboard %s, %s: Grafana has no data source of type %q", q.Dashboard, q.Panel, q.Source.Type)
	}
	i := slices.IndexFunc(w.Sources, func(d grafana.DataSource) bool { return d.UID == q.Source.Name || d.Name == q.Source.Name })
	if i >= 0 {
		return w.Sources[i], nil
	}
	var has []string
	for _, d := range w.Sources {
		has = append(has, fmt.Sprintf("%s (%s)", d.UID, d.Name))
	}
	return grafana.DataSource{}, fmt.Errorf("dashboard %s, %s: it asks the data source %s, which Grafana does not have; it has %s", q.Dashboard, q.Panel, q.Source.Name, strings.Join(has, ", "))
}

// shownFor is the time that a panel is asked for: long enough to hold what the
// checks did, and short enough to be read at the resolution of its scrapes.
const shownFor = 5 * time.Minute

// WaitPanels waits until Grafana has data for every query of the dashboards,
// from the data source that the dashboard asks.
func (s *Session) WaitPanels(ctx context.Context, shown Dashboards) error {
	var errs []error
	sources := make([]grafana.DataSource, len(shown.Queries))
	for i, q := range shown.Queries {
		var err error
		sources[i], err = shown.source(q)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	ctx, cancel := s.within(ctx, s.metricsTimeout())
	defer cancel()
	values, err := await.Until(ctx, "every panel of the dashboards to have data in Grafana", everyScrape,
		func(ctx context.Context) ([]int, error) {
			values := make([]int, len(shown.Queries))
			return values, s.askGrafana(ctx, func(g *shownIn) (err error) {
				for i, q := range shown.Queries {
					if values[i], err = g.Values(ctx, sources[i], q.Expression, shownFor); err != nil {
						return fmt.Errorf("dashboard %s, %s: %w", q.Dashboard, q.Panel, err)
					}
				}
				return nil
			})
		},
		func(values []int) error {
			var empty []error
			for i, q := range shown.Queries {
				if values[i] == 0 {
					empty = append(empty, fmt.Errorf("dashboard %s, %s: %s: no data", q.Dashboard, q.Panel, q.Expression))
				}
			}
			return errors.Join(empty...)
		})
	s.fact("panel-values", values)
	return err
}

// KeepDashboardPictures keeps how a browser shows the dashboards. It decides
// nothing: where there is no browser, or a page is not drawn, that is noted.
func (s *Session) KeepDashboardPictures(ctx context.Context, shown Dashboards) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	if err := s.askGrafana(ctx, func(g *shownIn) error { return s.picture(ctx, g, shown) }); err != nil {
		s.recorder.Step("no picture of a dashboard: " + err.Error())
	}
}

func (s *Session) picture(ctx context.Context, g *shownIn, shown Dashboards) error {
	b, err := browser.Open(ctx, browser.Site{Host: "grafana", HTTP: g.address, HTTPS: g.address})
	if err != nil {
		return err
	}
	defer b.Close()
	var errs []error
	for i, one := range shown.Held {
		page := "http://grafana" + one.URL + "?kiosk&from=now-15m&to=now"
		// Graphs are drawn on a canvas each, after the page.
		drawn := b.Do(ctx, "draw dashboard "+one.Title, chromedp.Navigate(page),
			chromedp.Poll(`document.querySelector("canvas") !== null`, nil, chromedp.WithPollingInterval(everyRecord)))
		png, err := b.Screenshot(ctx)
		if err == nil {
			s.recorder.Picture(fmt.Sprintf("dashboard-%d", i+1), png)
		}
		errs = append(errs, drawn, err)
	}
	return errors.Join(errs...)
}
