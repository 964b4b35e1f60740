package stack

import (
	"context"
	"fmt"
	"path"

	"github.com/airworthy/airworthy/pkg/gitrepo"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service/gitserver"
)

// upGit brings up the Git server and makes the DAG files its first commit. The
// secrets are the server's own and known only now: evidence is told of them
// before anything could show them.
func (u *up) upGit(ctx context.Context) func(func(string)) error {
	return func(waiting func(string)) error {
		ctx, cancel := context.WithTimeout(ctx, u.timeouts.Service)
		defer cancel()
		image, err := find(u.h.Images, images.Ref(u.Run.Git.Server), images.RoleService)
		if err != nil {
			return err
		}
		waiting("the Git server to answer")
		server, err := gitserver.Run(ctx, image.Local, u.placement("git"))
		if err != nil {
			return fmt.Errorf("start the Git server: %w", err)
		}
		git := server.Git()
		if u.Dir != nil {
			if err := u.Dir.AddSecrets(git.Secrets()...); err != nil {
				return err
			}
		}
		u.h.Git = git
		u.h.Secrets = append(u.h.Secrets, git.Secrets()...)
		waiting("the DAG files to be committed")
		repo, err := gitrepo.New(git)
		if err != nil {
			return err
		}
		files := map[string]string{"README.md": "DAG files that airworthy certifies platforms with.\n"}
		for name, content := range u.files {
			files[path.Join(u.Run.Git.SubPath, name)] = content
		}
		if _, err := repo.Commit(ctx, gitrepo.Main, "DAG files", gitrepo.Change{Write: files}); err != nil {
			return fmt.Errorf("commit the DAG files: %w", err)
		}
		if ref := u.Run.Git.Ref; ref != gitrepo.Main {
			if _, err := repo.Commit(ctx, ref, "Branch off", gitrepo.Change{Write: map[string]string{"README.md": "Branch " + ref + ".\n"}}); err != nil {
				return fmt.Errorf("make branch %s: %w", ref, err)
			}
		}
		return nil
	}
}

// gitSource says where the platform takes DAG files from. Before the server
// runs its addresses are placeholders.
func gitSource(h Handoff) platform.GitSource {
	run := h.Run.Git
	server := h.Git
	if server.SSH.FromPod == "" {
		server.SSH.FromPod, server.HTTPS.FromPod = "ssh://git@not-known-yet/dags.git", "https://not-known-yet/dags.git"
	}
	return platform.GitSource{Kind: run.Kind, Image: run.Image, Ref: run.Ref, SubPath: run.SubPath, Period: run.Period, Server: server}
}
