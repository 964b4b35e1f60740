// Package minio runs a MinIO server beside the cluster, with one bucket and
// users that may use this bucket and do nothing else.
package minio

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/testcontainers/testcontainers-go"
	tcminio "github.com/testcontainers/testcontainers-go/modules/minio"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/internal/container"
	"github.com/airworthy/airworthy/pkg/service/minio/admin"
)

const (
	portNumber = "9000"
	port       = portNumber + "/tcp"
)

// Option changes how the server is made.
type Option func(*options)

type options struct {
	root, rootSecret string
	user, userSecret string
	next             service.Endpoint
	bucket           string
}

// WithRoot names the administrator, of 3 characters or more, and the secret, of
// 8 or more. The default is root with a random secret.
func WithRoot(user, secret string) Option {
	return func(o *options) { o.root, o.rootSecret = user, secret }
}

// WithUser names the user of the bucket and its secret, of 8 characters or
// more. The default is airflow with a random secret.
func WithUser(user, secret string) Option {
	return func(o *options) { o.user, o.userSecret = user, secret }
}

// WithNext names another user of the bucket, who may do the same: the one that
// the first gives way to when access keys are rotated. There is none by default.
func WithNext(user, secret string) Option {
	return func(o *options) { o.next = service.Endpoint{User: user, Secret: secret} }
}

// WithBucket names the bucket; the default is airflow-logs.
func WithBucket(name string) Option { return func(o *options) { o.bucket = name } }

// Server is a MinIO server. It is a service.Handle.
type Server struct {
	*container.Handle
	user, root service.Endpoint
}

var _ service.Handle = (*Server)(nil)

// Endpoint gives the addresses and the credentials of the bucket's user. Pods
// use the container's alias on the network, which the cluster's DNS resolves
// through the node's: it outlives a restart of the container, unlike its address.
func (s *Server) Endpoint() service.Endpoint { return s.user }

// Admin is the same with the credentials of the administrator.
func (s *Server) Admin() service.Endpoint { return s.root }

// Run starts a server from an image that the container engine holds, and
// returns when bucket and user are made. The handle is never nil: close it
// also after an error.
func Run(ctx context.Context, image string, place service.Placement, opts ...Option) (*Server, error) {
	o := options{root: "root", rootSecret: rand.Text(), user: "airflow", userSecret: rand.Text(), bucket: "airflow-logs"}
	for _, opt := range opts {
		opt(&o)
	}
	handle, err := container.Prepare(ctx, image, place)
	address := net.JoinHostPort(place.Name, portNumber)
	server := &Server{
		Handle: handle,
		user:   service.Endpoint{FromPod: address, Bucket: o.bucket, User: o.user, Secret: o.userSecret, Container: place.Name},
		root:   service.Endpoint{FromPod: address, Bucket: o.bucket, User: o.root, Secret: o.rootSecret, Container: place.Name},
	}
	if err != nil {
		return server, err
	}
	ctx, cancel := context.WithTimeout(ctx, container.Within(ctx))
	defer cancel()
	got, err := tcminio.Run(ctx, image, append(container.Options(place, port),
		tcminio.WithUsername(o.root), tcminio.WithPassword(o.rootSecret),
		// No web console, no look for updates: nobody would use them here.
		testcontainers.WithEnv(map[string]string{"MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}),
		container.NoWait(),
	)...)
	if got != nil {
		handle.Started(got.Container)
	}
	if err != nil {
		return server, fmt.Errorf("start %s from image %s: %w", place.Name, image, err)
	}
	server.user.FromHost, err = handle.Answer(ctx, port, ready)
	server.root.FromHost = server.user.FromHost
	if err != nil {
		return server, err
	}
	users := []service.Endpoint{server.user}
	if o.next.User != "" {
		users = append(users, o.next)
	}
	return server, Furnish(ctx, server.root, users...)
}

// Attach uses the running server of the placement's stack and name, with the
// endpoints that Run gave. It makes sure that the user can reach the bucket.
func Attach(ctx context.Context, place service.Placement, user, admin service.Endpoint) (*Server, error) {
	handle, err := container.Find(ctx, place)
	server := &Server{Handle: handle, user: user, root: admin}
	if err != nil {
		return server, err
	}
	if err := server.locate(ctx); err != nil {
		return server, err
	}
	client, err := connect(server.user)
	if err != nil {
		return server, err
	}
	switch there, err := client.BucketExists(ctx, user.Bucket); {
	case err != nil:
		return server, fmt.Errorf("reach bucket %s of %s: %w", user.Bucket, place.Name, err)
	case !there:
		return server, fmt.Errorf("bucket %s of %s is gone", user.Bucket, place.Name)
	}
	return server, nil
}

// ready asks the server whether it serves requests.
func ready(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/minio/health/ready", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}

// locate fills in the address on this machine.
func (s *Server) locate(ctx context.Context) error {
	address, err := s.HostAddress(ctx, port)
	s.user.FromHost, s.root.FromHost = address, address
	return err
}

// Furnish makes the bucket of root, and the users, who may use this bucket and
// do nothing else. A bucket that is there is used. root is the administrator,
// whose address on this machine is the one that counts.
func Furnish(ctx context.Context, root service.Endpoint, users ...service.Endpoint) error {
	client, err := connect(root)
	if err != nil {
		return err
	}
	// The server answers health probes a moment before it serves requests.
	_, err = await.Until(ctx, "bucket "+root.Bucket+" to be made", 50*time.Millisecond,
		func(ctx context.Context) (struct{}, error) {
			err := client.MakeBucket(ctx, root.Bucket, minio.MakeBucketOptions{})
			if minio.ToErrorResponse(err).Code == "BucketAlreadyOwnedByYou" {
				return struct{}{}, nil
			}
			return struct{}{}, final(err)
		},
		func(struct{}) error { return nil })
	if err != nil {
		return err
	}
	// It takes policies and users a moment before it has read those of its disk,
	// and then forgets what it took: each is given until its user is let in.
	as := admin.New(root)
	_, err = await.Until(ctx, "the server to know its users", 50*time.Millisecond,
		func(ctx context.Context) (struct{}, error) {
			err := admit(ctx, as, root.Bucket, users)
			if err != nil && !admin.NotYet(err) && !unknown(err) {
				err = await.Stop(err)
			}
			return struct{}{}, err
		},
		func(struct{}) error { return nil })
	return err
}

// admit makes the users and has each look at the bucket.
func admit(ctx context.Context, as *admin.Client, bucket string, users []service.Endpoint) error {
	name := "bucket-" + bucket
	if err := as.AddPolicy(ctx, name, policy(bucket)); err != nil {
		return err
	}
	for _, user := range users {
		if err := as.AddUser(ctx, user.User, user.Secret); err != nil {
			return err
		}
		if err := as.Grant(ctx, user.User, name); err != nil {
			return err
		}
		user.FromHost = as.Host()
		client, err := connect(user)
		if err != nil {
			return err
		}
		if _, err := client.BucketExists(ctx, bucket); err != nil {
			return fmt.Errorf("look at bucket %s as user %s: %w", bucket, user.User, err)
		}
	}
	return nil
}

// unknown says whether the server does not know a user, or what the user may.
func unknown(err error) bool {
	var answer minio.ErrorResponse
	return errors.As(err, &answer) && (answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusServiceUnavailable)
}

func connect(e service.Endpoint) (*minio.Client, error) {
	client, err := minio.New(e.FromHost, &minio.Options{Creds: credentials.NewStaticV4(e.User, e.Secret, "")})
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", e.FromHost, err)
	}
	return client, nil
}

// final stops the wait at answers that will not change: only a server that is
// not initialized yet, or no answer at all, is worth another try.
func final(err error) error {
	var answer minio.ErrorResponse
	if errors.As(err, &answer) && answer.StatusCode != http.StatusServiceUnavailable {
		return await.Stop(err)
	}
	return err
}

// policy lets a user list one bucket and read, write and delete its objects.
func policy(bucket string) string {
	return fmt.Sprintf(`{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
      "Resource": ["arn:aws:s3:::%[1]s"]
    },
    {
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "Resource": ["arn:aws:s3:::%[1]s/*"]
    }
  ]
}
`, bucket)
}
