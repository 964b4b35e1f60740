package main

import (
	"cmp"
	"errors"
	"path/filepath"
	"strings"
)

// environ is everything that airworthy takes from the environment's variables.
type environ struct {
	Cache      string // default of --cache
	State      string // default of --state
	DockerHost string
	NoColor    bool // NO_COLOR is set to something, or TERM is dumb
	CI         bool // CI is set: never redraw, even on a terminal
	// Proxy holds the variables that say how to reach the network, in both cases of
	// their names: the tools in build containers do not agree on one.
	Proxy map[string]string
}

// readEnviron reads the variables once. lookup is os.LookupEnv but for tests.
func readEnviron(lookup func(string) (string, bool)) (environ, error) {
	get := func(name string) string { v, _ := lookup(name); return v }
	base := func(xdg, below string) string {
		if dir := get(xdg); filepath.IsAbs(dir) {
			return filepath.Join(dir, "airworthy")
		}
		if home := get("HOME"); home != "" {
			return filepath.Join(home, below, "airworthy")
		}
		return ""
	}
	env := environ{
		Cache:      base("XDG_CACHE_HOME", ".cache"),
		State:      base("XDG_STATE_HOME", filepath.Join(".local", "state")),
		DockerHost: get("DOCKER_HOST"),
		NoColor:    get("NO_COLOR") != "" || get("TERM") == "dumb",
		CI:         get("CI") != "" && get("CI") != "false",
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"} {
		value := cmp.Or(get(name), get(strings.ToLower(name)))
		if value == "" {
			continue
		}
		if env.Proxy == nil {
			env.Proxy = map[string]string{}
		}
		env.Proxy[name], env.Proxy[strings.ToLower(name)] = value, value
	}
	if env.Cache == "" || env.State == "" {
		return env, errors.New("find a place for the cache and the state: neither HOME nor both XDG_CACHE_HOME and XDG_STATE_HOME are set; set HOME")
	}
	return env, nil
}
