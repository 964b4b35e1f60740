package stack

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"golang.org/x/sync/errgroup"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/minio"
	"github.com/airworthy/airworthy/pkg/service/mysql"
	"github.com/airworthy/airworthy/pkg/service/postgres"
)

// ground brings up the cluster and the services beside it, at the same time:
// they need nothing of each other but the network.
func (u *up) ground(ctx context.Context) error {
	if servicesInside(u.Run) {
		if err := u.line.step("cluster", u.upCluster(ctx)); err != nil {
			return err
		}
		return u.upInside(ctx)
	}
	if _, err := environment.EnsureNetwork(ctx, u.Docker, u.Run.Name); err != nil {
		return err
	}
	u.startLogStore(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := u.line.step("cluster", u.upCluster(ctx)); err != nil || !usesACME(u.Run) {
			return err
		}
		return u.line.step("acme", u.upACME(ctx))
	})
	u.startServices(ctx, group)
	return group.Wait()
}

// startServices starts those that need no cluster, but for the log store.
func (u *up) startServices(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return u.line.step("database", u.upDatabase(ctx)) })
	if u.Run.ObjectStorage.Kind == "minio" {
		group.Go(func() error { return u.line.step("object storage", u.upObjectStorage(ctx)) })
	}
	if u.Run.Git.Kind != "none" {
		group.Go(func() error { return u.line.step("git server", u.upGit(ctx)) })
	}
}

func (u *up) upCluster(ctx context.Context) func(func(string)) error {
	return func(waiting func(string)) error {
		ctx, cancel := context.WithTimeout(ctx, u.timeouts.Cluster)
		defer cancel()
		options := environment.Options{
			Kind: u.Run.Cluster.Kind, Stack: u.Run.Name, Progress: waiting,
			Docker: u.Docker, Workers: u.Run.Cluster.Workers, APIPort: u.Run.Cluster.APIPort, Ports: ingressPorts(u.Run),
			CgroupV1: u.Engine.CgroupV1, NoSysResource: u.Engine.RestrictOOMScoreAdj,
			Kubeconfig: u.Run.Cluster.Kubeconfig, Context: u.Run.Cluster.Context,
		}
		if u.Run.Cluster.Kind == environment.KindKind {
			node, err := find(u.h.Images, NodeRef(u.Run), images.RoleNode)
			if err != nil {
				return err
			}
			options.NodeImage = node.Local
		}
		var err error
		if u.cluster, err = environment.Up(ctx, options); err != nil {
			return fmt.Errorf("bring up the cluster: %w", err)
		}
		u.h.Cluster = u.cluster.Info()
		return nil
	}
}

// placement puts a service on the network that the cluster's nodes are on.
func (u *up) placement(part string) service.Placement {
	return service.Placement{
		Network: environment.Name(u.Run.Name),
		Name:    environment.Name(u.Run.Name) + "-" + part,
		Labels:  u.labels(part),
	}
}

func (u *up) upDatabase(ctx context.Context) func(func(string)) error {
	return func(waiting func(string)) error {
		ctx, cancel := context.WithTimeout(ctx, u.timeouts.Service)
		defer cancel()
		image, err := find(u.h.Images, images.Ref(u.Run.Database.Image), images.RoleService)
		if err != nil {
			return err
		}
		kind := u.Run.Database.Kind
		waiting(kind + " to answer")
		handle, err := runDatabase(ctx, u.Run.Database, image.Local, u.placement(kind), u.h.Database, u.h.DatabaseAdmin.Secret)
		if err != nil {
			return fmt.Errorf("start the database: %w", err)
		}
		u.h.Database, u.h.DatabaseAdmin = handle.Endpoint(), handle.Admin()
		return nil
	}
}

// databaseHandle is a started database.
type databaseHandle interface {
	service.Handle
	Admin() service.Endpoint // the same with the credentials of the administrator
}

// runDatabase starts a database as asked for the user, password and database
// of an endpoint, and with that password for the administrator.
func runDatabase(ctx context.Context, asked config.Database, image string, place service.Placement, e service.Endpoint, admin string) (databaseHandle, error) {
	switch asked.Kind {
	case platform.DatabasePostgres:
		options := []postgres.Option{postgres.WithCredentials(e.User, e.Secret), postgres.WithDatabase(e.Database), postgres.WithAdmin(admin)}
		if asked.TLS != "none" {
			options = append(options, postgres.WithTLS())
		}
		return postgres.Run(ctx, image, place, options...)
	case platform.DatabaseMySQL:
		return mysql.Run(ctx, image, place, mysql.WithCredentials(e.User, e.Secret), mysql.WithDatabase(e.Database), mysql.WithAdmin(admin))
	}
	return nil, fmt.Errorf("database.kind %q is not known", asked.Kind)
}

func (u *up) upObjectStorage(ctx context.Context) func(func(string)) error {
	return func(waiting func(string)) error {
		ctx, cancel := context.WithTimeout(ctx, u.timeouts.Service)
		defer cancel()
		image, err := find(u.h.Images, images.Ref(u.Run.ObjectStorage.Image), images.RoleService)
		if err != nil {
			return err
		}
		waiting("minio to answer")
		handle, err := minio.Run(ctx, image.Local, u.placement("minio"),
			minio.WithRoot(u.h.ObjectAdmin.User, u.h.ObjectAdmin.Secret),
			minio.WithBucket(u.h.ObjectStorage.Bucket), minio.WithUser(u.h.ObjectStorage.User, u.h.ObjectStorage.Secret),
			minio.WithNext(u.h.Next.ObjectUser, u.h.Next.ObjectSecret))
		if err != nil {
			return fmt.Errorf("start the object storage: %w", err)
		}
		u.h.ObjectStorage, u.h.ObjectAdmin = handle.Endpoint(), handle.Admin()
		return nil
	}
}

// standing gives the stack when it stands, healthy and made of the same run
// file; else why it must be made anew, empty when there is nothing of it.
func (u *up) standing(ctx context.Context) (*Stack, string) {
	h, err := ReadHandoff(u.path)
	if err != nil {
		if u.Docker == nil {
			return nil, ""
		}
		left, leftErr := environment.Leftovers(ctx, u.Docker, u.Run.Name)
		if leftErr == nil && left.Empty() {
			return nil, ""
		}
		return nil, "containers of a stack of this name are there, and no description of it"
	}
	switch {
	case !h.Ready:
		return nil, "the stack was never finished"
	case !sameStack(h.Run, u.Run):
		return nil, "the run file has changed since the stack was made"
	case h.ValuesDigest != u.Values.digest():
		return nil, "the files of values have changed since the stack was made"
	}
	h.FileValues, h.FileSecrets, h.Run = u.Values.Values, u.Values.Secrets, u.Run
	if err := u.alive(ctx, h); err != nil {
		return nil, fmt.Sprintf("the stack does not answer: %v", err)
	}
	cluster, err := environment.Attach(ctx, u.Docker, h.Cluster)
	if err != nil {
		return nil, fmt.Sprintf("the cluster does not answer: %v", err)
	}
	u.cluster = cluster
	if err := u.record(ctx); err != nil {
		return nil, err.Error()
	}
	// The suites read there which checks decide and how long to wait.
	if err := WriteHandoff(u.path, h); err != nil {
		return nil, err.Error()
	}
	return &Stack{Handoff: h, Cluster: cluster, Recording: u.recording}, ""
}

// sameStack says whether two runs make the same stack: which checks decide and
// how long to wait for what makes no other one.
func sameStack(a, b config.Run) bool {
	for _, r := range []*config.Run{&a, &b} {
		r.Profile, r.Checks, r.Timeouts = "", config.Checks{}, config.Timeouts{}
	}
	return reflect.DeepEqual(a, b)
}

// alive asks Airflow itself, which needs everything else.
func (u *up) alive(ctx context.Context, h Handoff) error {
	if h.AirflowURL == "" {
		return nil // reached through the cluster, which is asked next
	}
	ctx, cancel := context.WithTimeout(ctx, u.timeouts.Observe)
	defer cancel()
	c, err := airflow.New(ctx, airflow.Options{URL: h.AirflowURL, User: h.AdminUser, Password: h.AdminPassword})
	if err != nil {
		return err
	}
	health, err := c.Health(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for component, state := range health {
		if state.Status == "unhealthy" {
			errs = append(errs, fmt.Errorf("%s is unhealthy", component))
		}
	}
	return errors.Join(errs...)
}
