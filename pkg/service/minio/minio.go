// Package minio runs the MinIO that task logs are kept in, with one bucket and
// a user who may do no more than Airflow needs.
package minio

import (
	"bytes"
	"context"
	"fmt"
	"text/template"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	tc "github.com/testcontainers/testcontainers-go"
	tcminio "github.com/testcontainers/testcontainers-go/modules/minio"

	"github.com/airworthy/airworthy/pkg/service"
)

const port = "9000/tcp"

type options struct{ rootUser, rootSecret, bucket, user, secret string }

// Option of Run.
type Option func(*options)

// WithRoot sets the administrator.
func WithRoot(user, secret string) Option {
	return func(o *options) { o.rootUser, o.rootSecret = user, secret }
}

// WithBucket names the bucket that is made.
func WithBucket(name string) Option { return func(o *options) { o.bucket = name } }

// WithUser sets the user who may list the bucket and get, put and delete its objects.
func WithUser(user, secret string) Option {
	return func(o *options) { o.user, o.secret = user, secret }
}

// Container is a running MinIO. Its Endpoint is the least-privilege user's.
type Container struct {
	*service.Container
	admin service.Endpoint
}

// Admin is the endpoint with the administrator's credentials.
func (c *Container) Admin() service.Endpoint { return c.admin }

// Run starts a server from an image that is in the container engine already,
// makes bucket and user, and returns when both are there. The handle is never
// nil: close it also after an error.
func Run(ctx context.Context, image string, p service.Placement, opts ...Option) (*Container, error) {
	o := options{rootUser: "root", bucket: "airflow-logs", user: "airflow"}
	for _, opt := range opts {
		opt(&o)
	}
	custom := append(p.Customize(), tcminio.WithUsername(o.rootUser), tcminio.WithPassword(o.rootSecret))
	started, err := tcminio.Run(ctx, image, custom...)
	var container tc.Container
	if started != nil {
		container = started.Container
	}
	handle := &Container{Container: service.NewContainer(p.Name, container)}
	if err != nil {
		return handle, service.Explain("MinIO", image, err)
	}
	if err := handle.Locate(ctx, p, port, service.Endpoint{Bucket: o.bucket, User: o.rootUser, Secret: o.rootSecret}); err != nil {
		return handle, err
	}
	handle.admin = handle.Endpoint()
	if err := furnish(ctx, handle.admin, o); err != nil {
		return handle, err
	}
	e := handle.admin
	e.User, e.Secret = o.user, o.secret
	handle.SetEndpoint(e)
	return handle, nil
}

var policy = template.Must(template.New("policy").Option("missingkey=error").Parse(`{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": ["arn:aws:s3:::{{.}}"]},
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "Resource": ["arn:aws:s3:::{{.}}/*"]}
  ]
}`))

// furnish makes the bucket, the policy for it, and the user who has it.
func furnish(ctx context.Context, admin service.Endpoint, o options) error {
	creds := credentials.NewStaticV4(admin.User, admin.Secret, "")
	objects, err := miniogo.New(admin.FromHost, &miniogo.Options{Creds: creds})
	if err != nil {
		return fmt.Errorf("make a client of MinIO: %w", err)
	}
	if err := objects.MakeBucket(ctx, o.bucket, miniogo.MakeBucketOptions{}); err != nil {
		return fmt.Errorf("make bucket %s: %w", o.bucket, err)
	}
	server, err := madmin.NewWithOptions(admin.FromHost, &madmin.Options{Creds: creds})
	if err != nil {
		return fmt.Errorf("make an administrator's client of MinIO: %w", err)
	}
	var text bytes.Buffer
	if err := policy.Execute(&text, o.bucket); err != nil {
		return fmt.Errorf("write the policy of bucket %s: %w", o.bucket, err)
	}
	name := o.bucket + "-only"
	if err := server.AddCannedPolicy(ctx, name, text.Bytes()); err != nil {
		return fmt.Errorf("make policy %s: %w", name, err)
	}
	if err := server.AddUser(ctx, o.user, o.secret); err != nil {
		return fmt.Errorf("make user %s: %w", o.user, err)
	}
	if _, err := server.AttachPolicy(ctx, madmin.PolicyAssociationReq{User: o.user, Policies: []string{name}}); err != nil {
		return fmt.Errorf("give user %s policy %s: %w", o.user, name, err)
	}
	return nil
}
