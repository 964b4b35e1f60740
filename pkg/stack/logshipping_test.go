package stack

import (
	"context"
	"slices"
	"testing"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/images"
)

// had lists images as if these were there, and those could be fetched.
type had struct{ present, fetchable []images.Ref }

func (h had) List(_ context.Context, wants []images.Want) ([]images.Listed, error) {
	var all []images.Listed
	for _, w := range wants {
		one := images.Listed{Ref: w.Ref, Action: "unavailable"}
		switch {
		case slices.Contains(h.present, w.Ref):
			one.Present, one.Action = true, "use"
		case slices.Contains(h.fetchable, w.Ref):
			one.Action = "pull " + string(w.Ref)
		}
		all = append(all, one)
	}
	return all, nil
}

func TestWhichGraylog(t *testing.T) {
	refs := func(l config.LogShipping) []images.Ref {
		return []images.Ref{images.Ref(l.Graylog), images.Ref(l.Search), images.Ref(l.Metadata)}
	}
	current, packaged := refs(logStores[0]), refs(logStores[1])
	named := config.LogShipping{Kind: "graylog", Graylog: "graylog/graylog:6.1", Search: "opensearchproject/opensearch:2.15.0", Metadata: "mongo:6.0"}
	for _, tt := range []struct {
		name string
		run  config.LogShipping
		had  had
		want []images.Ref
	}{
		{"no shipping", config.LogShipping{Kind: "none"}, had{}, nil},
		{"no registry", config.LogShipping{Kind: "graylog"}, had{fetchable: packaged}, packaged},
		{"a registry", config.LogShipping{Kind: "graylog"}, had{fetchable: slices.Concat(current, packaged)}, current},
		{"a mirror that lacks one of three", config.LogShipping{Kind: "graylog"}, had{fetchable: slices.Concat(current[:2], packaged)}, packaged},
		{"built already, and a registry now", config.LogShipping{Kind: "graylog"}, had{present: packaged, fetchable: current}, packaged},
		{"pulled already, and no registry now", config.LogShipping{Kind: "graylog"}, had{present: current, fetchable: packaged}, current},
		{"named", named, had{present: packaged, fetchable: current}, refs(named)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wants, err := shippingImages(t.Context(), tt.had, config.Run{LogShipping: tt.run})
			if err != nil {
				t.Fatal(err)
			}
			var got []images.Ref
			for _, w := range wants {
				got = append(got, w.Ref)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("chose %v, want %v", got, tt.want)
			}
		})
	}
}

func TestLogStoreImages(t *testing.T) {
	resolved := func(l config.LogShipping, source images.Source, from string) []images.Resolution {
		var all []images.Resolution
		for _, w := range logStoreWants(l) {
			all = append(all, images.Resolution{Ref: w.Ref, Role: w.Role, Local: "local/" + string(w.Ref), Source: source, From: from})
		}
		return all
	}
	for _, tt := range []struct {
		name   string
		images []images.Resolution
		server string
		built  bool
	}{
		{"built", resolved(logStores[1], images.Built, "recipe graylog@1"), "local/graylog/graylog:3.3.11", true},
		{"built, then bundled", resolved(logStores[1], images.Bundled, "bundle b, built by recipe graylog@1"), "local/graylog/graylog:3.3.11", true},
		{"pulled", resolved(logStores[1], images.Pulled, "graylog/graylog:3.3.11"), "local/graylog/graylog:3.3.11", false},
		{"current", resolved(logStores[0], images.Mirrored, "mirror"), "local/graylog/graylog:7.1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &up{Options: Options{Run: config.Run{LogShipping: config.LogShipping{Kind: "graylog"}}}}
			u.h.Images = tt.images
			got, err := u.logStoreImages()
			if err != nil || got.Server != tt.server || got.Built != tt.built {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if _, err := (&up{Options: Options{Run: config.Run{}}}).logStoreImages(); err == nil {
		t.Error("images that were never resolved are no error")
	}
}
