// Package gitrepo changes a repository on a Git server as its authors do: by
// commits, branches and tags that are pushed over SSH. Every change is made on a
// fresh clone in memory, so that parallel processes only meet at the server. It
// knows no container and no cluster.
package gitrepo

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"github.com/go-git/go-git/v5/storage/memory"
	"golang.org/x/crypto/ssh"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/service"
)

// Main is the branch that every repository begins with.
const Main = "main"

// Repo is one repository on a server.
type Repo struct {
	url    string
	auth   transport.AuthMethod
	client *ssh.ClientConfig
}

// New uses the repository as its administrator. Nothing is connected to yet.
func New(g service.Git) (*Repo, error) {
	keys, err := gitssh.NewPublicKeys("git", []byte(g.AdminKey), "")
	if err != nil {
		return nil, fmt.Errorf("read the administrator's key: %w", err)
	}
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(g.HostKey))
	if err != nil {
		return nil, fmt.Errorf("read the Git server's host key: %w", err)
	}
	keys.HostKeyCallback = ssh.FixedHostKey(host)
	client := &ssh.ClientConfig{
		User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(keys.Signer)},
		HostKeyCallback: keys.HostKeyCallback, Timeout: 10 * time.Second,
	}
	return &Repo{url: g.SSH.FromHost, auth: keys, client: client}, nil
}

// In is another repository of the same server.
func (r *Repo) In(name string) *Repo {
	other := *r
	other.url = service.GitURL{FromHost: r.url}.Other(name).FromHost
	return &other
}

// Change is what one commit does, in the order of the fields.
type Change struct {
	Rename     map[string]string // from -> to
	Remove     []string
	Write      map[string]string // path -> content
	Submodules map[string]Submodule
}

// Submodule is a commit of another repository at a path.
type Submodule struct{ URL, Hash string }

// Commit makes a commit on a branch, which begins at main where it does not
// exist, and returns its hash. When others push meanwhile it is made again on
// top of theirs, until ctx ends.
func (r *Repo) Commit(ctx context.Context, branch, message string, change Change) (string, error) {
	return await.Until(ctx, fmt.Sprintf("%q to be pushed to branch %s", message, branch), 200*time.Millisecond,
		func(ctx context.Context) (string, error) {
			hash, err := r.commit(ctx, branch, message, change)
			if err != nil && !overtaken(err) {
				err = await.Stop(err)
			}
			return hash, err
		},
		func(string) error { return nil })
}

// overtaken says whether a push was refused because another one was first.
func overtaken(err error) bool {
	if errors.Is(err, git.ErrNonFastForwardUpdate) {
		return true
	}
	for _, text := range []string{"non-fast-forward", "failed to update ref", "cannot lock ref", "fetch first", "reference already exists"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

func (r *Repo) commit(ctx context.Context, branch, message string, change Change) (string, error) {
	repo, err := r.clone(ctx, branch)
	if err != nil {
		return "", err
	}
	tree, err := repo.Worktree()
	if err != nil {
		return "", fmt.Errorf("change the clone: %w", err)
	}
	if err := change.apply(repo, tree); err != nil {
		return "", err
	}
	hash, err := tree.Commit(message, &git.CommitOptions{Author: &object.Signature{Name: "airworthy", Email: "airworthy@example.com", When: time.Now()}})
	if err != nil {
		return "", fmt.Errorf("commit %q: %w", message, err)
	}
	return hash.String(), r.push(ctx, repo, hash.String()+":"+string(plumbing.NewBranchReferenceName(branch)))
}

// clone gives the branch; an empty repository, or one without the branch, gives
// what the branch would begin with. It reads only, so it is done again when the
// server hung up first.
func (r *Repo) clone(ctx context.Context, branch string) (*git.Repository, error) {
	for left := clones; ; left-- {
		repo, err := r.cloneOnce(ctx, branch)
		if err == nil || left == 1 || !strings.HasSuffix(err.Error(), "closing input: EOF") {
			return repo, err
		}
	}
}

// clones are made at most of one state of a server that hangs up first.
const clones = 5

func (r *Repo) cloneOnce(ctx context.Context, branch string) (*git.Repository, error) {
	files := memfs.New()
	repo, err := git.CloneContext(ctx, memory.NewStorage(), files, &git.CloneOptions{URL: r.url, Auth: r.auth, ReferenceName: plumbing.NewBranchReferenceName(branch), Tags: git.NoTags})
	switch {
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		repo, err = git.InitWithOptions(memory.NewStorage(), memfs.New(), git.InitOptions{DefaultBranch: plumbing.NewBranchReferenceName(branch)})
		if err == nil {
			_, err = repo.CreateRemote(&config.RemoteConfig{Name: git.DefaultRemoteName, URLs: []string{r.url}})
		}
	case err != nil && branch != Main && missing(err):
		return r.cloneOnce(ctx, Main)
	}
	if err != nil {
		return nil, fmt.Errorf("clone %s: %w", r.url, err)
	}
	return repo, nil
}

func missing(err error) bool {
	return errors.Is(err, plumbing.ErrReferenceNotFound) || errors.As(err, &git.NoMatchingRefSpecError{})
}

func (c Change) apply(repo *git.Repository, tree *git.Worktree) error {
	for _, from := range slices.Sorted(maps.Keys(c.Rename)) {
		if _, err := tree.Move(from, c.Rename[from]); err != nil {
			return fmt.Errorf("rename %s: %w", from, err)
		}
	}
	for _, name := range c.Remove {
		if _, err := tree.Remove(name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	files := maps.Clone(c.Write)
	if len(c.Submodules) > 0 {
		if files == nil {
			files = map[string]string{}
		}
		files[".gitmodules"] = gitmodules(c.Submodules)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := util.WriteFile(tree.Filesystem, name, []byte(files[name]), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if _, err := tree.Add(name); err != nil {
			return fmt.Errorf("add %s: %w", name, err)
		}
	}
	return c.submodules(repo)
}

// submodules enters each commit into the index: there is nothing to check out.
func (c Change) submodules(repo *git.Repository) error {
	if len(c.Submodules) == 0 {
		return nil
	}
	idx, err := repo.Storer.Index()
	if err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Submodules)) {
		idx.Entries = append(idx.Entries, &index.Entry{Name: name, Mode: filemode.Submodule, Hash: plumbing.NewHash(c.Submodules[name].Hash)})
	}
	if err := repo.Storer.SetIndex(idx); err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	return nil
}

func gitmodules(all map[string]Submodule) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "[submodule %q]\n\tpath = %s\n\turl = %s\n", name, name, all[name].URL)
	}
	return b.String()
}

func (r *Repo) push(ctx context.Context, repo *git.Repository, specs ...string) error {
	o := &git.PushOptions{RemoteURL: r.url, Auth: r.auth}
	for _, spec := range specs {
		o.RefSpecs = append(o.RefSpecs, config.RefSpec(spec))
	}
	err := repo.PushContext(ctx, o)
	if errors.Is(err, io.EOF) && r.arrived(ctx, repo, o.RefSpecs) {
		return nil
	}
	if err != nil && !errors.Is(err, git.NoErrAlreadyUpToDate) {
		return fmt.Errorf("push %s to %s: %w", strings.Join(specs, ", "), r.url, err)
	}
	return nil
}

// arrived says whether the server has what was pushed. A server that is quick
// has closed the channel before go-git 5 closes its side, which go-git takes for
// a failure (go-git issue 1685, mended in version 6 alone).
func (r *Repo) arrived(ctx context.Context, repo *git.Repository, specs []config.RefSpec) bool {
	remote := git.NewRemote(memory.NewStorage(), &config.RemoteConfig{Name: git.DefaultRemoteName, URLs: []string{r.url}})
	refs, err := remote.ListContext(ctx, &git.ListOptions{Auth: r.auth})
	if err != nil {
		return false
	}
	there := map[plumbing.ReferenceName]plumbing.Hash{}
	for _, ref := range refs {
		there[ref.Name()] = ref.Hash()
	}
	for _, spec := range specs {
		want := plumbing.ZeroHash
		if !spec.IsDelete() {
			hash, err := repo.ResolveRevision(plumbing.Revision(spec.Src()))
			if err != nil {
				return false
			}
			want = *hash
			if ref, err := repo.Reference(plumbing.ReferenceName(spec.Src()), true); err == nil {
				want = ref.Hash() // an annotated tag is its own object, not the commit that it names
			}
		}
		if there[spec.Dst("")] != want {
			return false
		}
	}
	return true
}

// Tag names a commit of a branch by an annotated tag.
func (r *Repo) Tag(ctx context.Context, name, branch, hash string) error {
	repo, err := r.clone(ctx, branch)
	if err != nil {
		return err
	}
	_, err = repo.CreateTag(name, plumbing.NewHash(hash), &git.CreateTagOptions{
		Tagger: &object.Signature{Name: "airworthy", Email: "airworthy@example.com", When: time.Now()}, Message: name,
	})
	if err != nil {
		return fmt.Errorf("tag %s: %w", hash, err)
	}
	ref := string(plumbing.NewTagReferenceName(name))
	return r.push(ctx, repo, ref+":"+ref)
}

// Delete removes branches and tags, such as refs/heads/x.
func (r *Repo) Delete(ctx context.Context, refs ...string) error {
	repo, err := r.clone(ctx, Main)
	if err != nil {
		return err
	}
	specs := make([]string, 0, len(refs))
	for _, ref := range refs {
		specs = append(specs, ":"+ref)
	}
	return r.push(ctx, repo, specs...)
}

// NotFound says whether a change failed because a file is not there.
func NotFound(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, index.ErrEntryNotFound)
}

// Log gives the hashes of a branch, the newest first.
func (r *Repo) Log(ctx context.Context, branch string) ([]string, error) {
	repo, err := r.clone(ctx, branch)
	if err != nil {
		return nil, err
	}
	commits, err := repo.Log(&git.LogOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	var hashes []string
	err = commits.ForEach(func(c *object.Commit) error {
		hashes = append(hashes, c.Hash.String())
		return nil
	})
	return hashes, err
}

// Offline takes the server off the network. It comes back by itself after d,
// rounded to seconds.
func (r *Repo) Offline(ctx context.Context, d time.Duration) error {
	u, err := url.Parse(r.url)
	if err != nil {
		return fmt.Errorf("take the Git server away: %w", err)
	}
	client, err := ssh.Dial("tcp", u.Host, r.client)
	if err != nil {
		return fmt.Errorf("take the Git server away: %w", err)
	}
	defer client.Close()
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("take the Git server away: %w", err)
	}
	defer session.Close()
	if out, err := session.CombinedOutput(fmt.Sprintf("offline %d", int(d.Round(time.Second).Seconds()))); err != nil {
		return fmt.Errorf("take the Git server away: %w: %s", err, out)
	}
	return nil
}

// StrangersKey makes a public host key that no server has.
func StrangersKey() (string, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make a host key: %w", err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("make a host key: %w", err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
}

// StrangersAuthority makes the certificate of an authority that signed no server's, PEM.
func StrangersAuthority() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make a certificate authority: %w", err)
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "airworthy stranger"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		return "", fmt.Errorf("make a certificate authority: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
