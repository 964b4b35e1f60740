package stack

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/addon"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/minio"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// servicesInside says that database and object storage run in the cluster. A
// cluster that is not ours shares no network with containers of this machine.
func servicesInside(run config.Run) bool { return run.Cluster.Kind == environment.KindExisting }

// servicesAddon is the add-on of both, and the names of its services.
const (
	servicesAddon = "services"
	insideMinio   = "minio"
)

// insideDatabase are the ports of the services of databases, which are called
// as the kind is.
var insideDatabase = map[string]int{platform.DatabasePostgres: 5432, platform.DatabaseMySQL: 3306}

// insideServices describes the add-on that runs the services.
func insideServices(h Handoff) addon.Addon {
	storage := map[string]any{"image": ""}
	if h.Run.ObjectStorage.Kind == "minio" {
		storage = map[string]any{
			"image":    h.Run.ObjectStorage.Image,
			"rootUser": h.ObjectAdmin.User, "rootPassword": h.ObjectAdmin.Secret,
		}
	}
	return addon.Addon{Name: servicesAddon, Values: map[string]any{
		"database": map[string]any{
			"kind": h.Run.Database.Kind, "image": h.Run.Database.Image, "name": h.Database.Database,
			"user": h.Database.User, "password": h.Database.Secret,
		},
		"objectStorage": storage,
	}}
}

// inside completes an endpoint by where its service is in the cluster.
func inside(h Handoff, e service.Endpoint, name string, port int) service.Endpoint {
	namespace := addonPlace(h.Run).Namespace
	e.FromPod = net.JoinHostPort(name+"."+namespace, strconv.Itoa(port))
	e.Behind = &service.Behind{Namespace: namespace, Service: name, Port: port}
	return e
}

// upInside runs the services in the cluster, which has to be there.
func (u *up) upInside(ctx context.Context) error {
	return u.line.step("services", func(waiting func(string)) error {
		services, cfg := insideServices(u.h), u.cluster.REST()
		if err := addon.Define(ctx, cfg, addonPlace(u.h.Run), services); err != nil {
			return err
		}
		err := services.Install(ctx, cfg, addonPlace(u.h.Run), u.timeouts.Service, func(_, waitingFor string) { waiting(waitingFor) })
		if err != nil {
			return fmt.Errorf("run the services in the cluster: %w", err)
		}
		u.h.Database = inside(u.h, u.h.Database, u.Run.Database.Kind, insideDatabase[u.Run.Database.Kind])
		if u.Run.ObjectStorage.Kind != "minio" {
			return nil
		}
		u.h.ObjectStorage = inside(u.h, u.h.ObjectStorage, insideMinio, 9000)
		u.h.ObjectAdmin = inside(u.h, u.h.ObjectAdmin, insideMinio, 9000)
		admin, closing, err := standing.Reach(ctx, cfg, u.h.ObjectAdmin)
		if err != nil {
			return err
		}
		defer closing()
		waiting("the bucket and its user")
		return minio.Furnish(ctx, admin, u.h.ObjectStorage, service.Endpoint{User: u.h.Next.ObjectUser, Secret: u.h.Next.ObjectSecret})
	})
}
