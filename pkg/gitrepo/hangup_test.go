package gitrepo

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
	"github.com/go-git/go-git/v5/plumbing/transport/file"
)

// hasty does what it is asked, and then says what go-git says where the server
// closed its side first: to the first clone and to every push.
type hasty struct {
	transport.Transport
	clones, pushes int
	lost           bool // the push does not arrive either
}

type hastyUpload struct {
	transport.UploadPackSession
	h *hasty
}

type hastyReceive struct {
	transport.ReceivePackSession
	h *hasty
}

func (h *hasty) local(e *transport.Endpoint) *transport.Endpoint {
	e, _ = transport.NewEndpoint(e.Path)
	return e
}

func (h *hasty) NewUploadPackSession(e *transport.Endpoint, a transport.AuthMethod) (transport.UploadPackSession, error) {
	s, err := h.Transport.NewUploadPackSession(h.local(e), a)
	return hastyUpload{s, h}, err
}

func (h *hasty) NewReceivePackSession(e *transport.Endpoint, a transport.AuthMethod) (transport.ReceivePackSession, error) {
	s, err := h.Transport.NewReceivePackSession(h.local(e), a)
	return hastyReceive{s, h}, err
}

func (s hastyUpload) UploadPack(ctx context.Context, r *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if s.h.clones++; s.h.clones == 1 {
		return nil, errors.New("closing input: EOF")
	}
	return s.UploadPackSession.UploadPack(ctx, r)
}

func (s hastyReceive) ReceivePack(ctx context.Context, r *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	s.h.pushes++
	if s.h.lost {
		return nil, io.EOF
	}
	report, err := s.ReceivePackSession.ReceivePack(ctx, r)
	if err != nil {
		return report, err
	}
	return nil, io.EOF
}

func TestServerHangsUpFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dags.git")
	if out, err := exec.Command("git", "init", "--quiet", "--bare", "--initial-branch=main", dir).CombinedOutput(); err != nil {
		t.Skipf("git cannot make a repository: %v: %s", err, out)
	}
	h := &hasty{Transport: file.DefaultClient}
	client.InstallProtocol("hasty", h)
	defer client.InstallProtocol("hasty", nil)
	repo := &Repo{url: "hasty://host" + dir}

	first, err := repo.Commit(t.Context(), Main, "one", Change{Write: map[string]string{"a": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := repo.Commit(t.Context(), Main, "two", Change{Rename: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.Tag(t.Context(), "v1", Main, second); err != nil {
		t.Error(err)
	}
	if err := repo.Delete(t.Context(), "refs/tags/v1"); err != nil {
		t.Error(err)
	}
	if log, err := repo.Log(t.Context(), Main); err != nil || len(log) != 2 || log[0] != second || log[1] != first {
		t.Errorf("the history is %v, %v; want %s on %s", log, err, second, first)
	}
	if h.clones < 2 || h.pushes != 4 {
		t.Errorf("%d clones and %d pushes were made", h.clones, h.pushes)
	}

	h.lost = true
	if _, err := repo.Commit(t.Context(), Main, "three", Change{Write: map[string]string{"c": "3"}}); !errors.Is(err, io.EOF) {
		t.Errorf("a push that did not arrive: %v", err)
	}
}
