// Package browser drives a headless Chromium at one site. It owns the browser's
// process and what it asked for on the network; which pages there are and what
// is on them is for its callers to know.
package browser

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// names are those that distributions give to the program.
var names = []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"}

// ErrMissing is returned where no Chromium is installed.
var ErrMissing = errors.New("no Chromium is installed: `airworthy doctor --fix` installs Debian's chromium as root; any of " +
	strings.Join(names, ", ") + " on PATH will do")

// Find gives the path of the browser.
func Find() (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrMissing
}

// Site is what the browser is opened for.
type Site struct {
	Host string // as in the address bar
	// HTTP and HTTPS are where Host is really reached, host:port. No DNS is asked.
	HTTP, HTTPS string
	// Certificate is trusted beside the system's authorities: by its key, as
	// Chromium has no option for one more authority.
	Certificate *x509.Certificate
}

// Browser is an open one. Its methods may be used one at a time.
type Browser struct {
	ctx     context.Context
	closing func()

	mu        sync.Mutex
	requests  []string
	lines     []string
	reloading bool
}

// Open starts a browser with a profile of its own, which Close removes.
func Open(ctx context.Context, site Site) (*Browser, error) {
	path, err := Find()
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "airworthy-browser-")
	if err != nil {
		return nil, fmt.Errorf("make a profile for the browser: %w", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.WindowSize(1280, 900),
		// Its sandbox needs rights that containers lack and root may not use.
		chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("no-proxy-server", true),
		// Without a map nothing of the outside is reached by accident.
		chromedp.Flag("host-resolver-rules", fmt.Sprintf("MAP %s:443 %s, MAP %s:80 %s, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", site.Host, site.HTTPS, site.Host, site.HTTP)),
	)
	if site.Certificate != nil {
		sum := sha256.Sum256(site.Certificate.RawSubjectPublicKeyInfo)
		options = append(options, chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(sum[:])))
	}
	allocated, stopAllocator := chromedp.NewExecAllocator(ctx, options...)
	b := &Browser{}
	// What chromedp cannot decode of a newer browser's events is no error of the page's.
	tab, stopTab := chromedp.NewContext(allocated, chromedp.WithErrorf(func(string, ...any) {}))
	b.ctx = tab
	b.closing = sync.OnceFunc(func() {
		stopTab()
		stopAllocator()
		_ = os.RemoveAll(profile) // below the system's folder for temporary files
	})
	chromedp.ListenTarget(tab, b.listen)
	if err := chromedp.Run(tab, network.Enable()); err != nil {
		b.closing()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return b, nil
}

// Close ends the browser. It is safe to call twice.
func (b *Browser) Close() { b.closing() }

func (b *Browser) listen(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.requests = append(b.requests, e.Request.URL)
		if e.RedirectResponse != nil {
			b.lines = append(b.lines, fmt.Sprintf("%d %s -> %s", e.RedirectResponse.Status, e.RedirectResponse.URL, e.Request.URL))
		}
	case *network.EventResponseReceived:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.lines = append(b.lines, fmt.Sprintf("%d %s", e.Response.Status, e.Response.URL))
	case *network.EventLoadingFailed:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.lines = append(b.lines, "failed: "+e.ErrorText)
		if e.ErrorText == networkChanged && !b.reloading {
			b.reloading = true
			go b.reload()
		}
	}
}

// networkChanged is how Chromium ends every request under way when this machine
// gets or loses a network interface, as with each container that comes or goes.
// It says nothing about the site.
const networkChanged = "net::ERR_NETWORK_CHANGED"

// reload loads the page anew, as a person would whose machine lost its network
// for a moment. An error shows in what the page then lacks.
func (b *Browser) reload() {
	_ = chromedp.Run(b.ctx, chromedp.Reload())
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines, b.reloading = append(b.lines, "reloaded, as the network of this machine changed"), false
}

// Requests are the URLs that were asked for so far, in order. Those that carry
// their content in themselves are left out.
func (b *Browser) Requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var urls []string
	for _, url := range b.requests {
		if !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "blob:") {
			urls = append(urls, url)
		}
	}
	return urls
}

// Traffic has one line for every answer.
func (b *Browser) Traffic() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "\n") + "\n"
}

// Do runs steps one after the other, at most until ctx ends.
func (b *Browser) Do(ctx context.Context, what string, steps ...chromedp.Action) error {
	within, cancel := context.WithCancelCause(b.ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer stop()
	err := chromedp.Run(within, steps...)
	for err != nil && strings.Contains(err.Error(), networkChanged) && within.Err() == nil {
		err = chromedp.Run(within, steps...) // only going to a page, the first of steps, ends so
	}
	if err != nil {
		if cause := context.Cause(within); cause != nil {
			err = cause
		}
		return fmt.Errorf("%s in the browser at %s: %w", what, b.location(), err)
	}
	return nil
}

// location is the address bar, for messages.
func (b *Browser) location() string {
	var url string
	if err := chromedp.Run(b.ctx, chromedp.Location(&url)); err != nil {
		return "(unknown)"
	}
	return url
}

// Location is what the address bar shows.
func (b *Browser) Location() string { return b.location() }

// Screenshot is the window as PNG.
func (b *Browser) Screenshot(ctx context.Context) ([]byte, error) {
	var png []byte
	err := b.Do(ctx, "take a screenshot", chromedp.CaptureScreenshot(&png))
	return png, err
}
