package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// StoredLog reads the log of a try from the object storage itself.
func (s *Session) StoredLog(ctx context.Context, ref airflow.TaskRef) ([]byte, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	return s.storedLog(ctx, s.suite.clients.objects, ref)
}

func (s *Session) storedLog(ctx context.Context, objects *miniogo.Client, ref airflow.TaskRef) ([]byte, error) {
	if objects == nil {
		return nil, errors.New("the stack has no object storage")
	}
	key := platform.LogPrefix + "/" + LogKey(ref)
	object, err := objects.GetObject(ctx, s.Asked().ObjectStorage.Bucket, key, miniogo.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", key, err)
	}
	defer object.Close()
	content, err := io.ReadAll(object)
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", key, err)
	}
	return content, nil
}

// DatabaseRevision is the Alembic revision that the metadata database is at.
func (s *Session) DatabaseRevision(ctx context.Context) (string, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	db, err := standing.ConnectDatabase(ctx, s.Asked().Database.Kind, s.suite.clients.database)
	if err != nil {
		return "", err
	}
	defer db.Close()
	var revision string
	if err := db.QueryRowContext(ctx, "SELECT version_num FROM alembic_version").Scan(&revision); err != nil {
		return "", fmt.Errorf("read the database's revision: %w", err)
	}
	s.fact("database-revision", revision)
	return revision, nil
}

// headScript finds the revision that no other migration follows. It reads the
// migration files themselves and imports nothing of Airflow, which would cost
// seconds.
const headScript = `
import importlib.util, pathlib, re
root = pathlib.Path(importlib.util.find_spec("airflow").origin).parent / "migrations" / "versions"
revisions, parents = set(), set()
for file in root.glob("*.py"):
    text = file.read_text()
    revision = re.search(r"^revision(?::[^=]*)? = ['\"]([^'\"]+)", text, re.M)
    if revision:
        revisions.add(revision.group(1))
    parents.update(re.findall(r"['\"]([^'\"]+)['\"]", (re.search(r"^down_revision(?::[^=]*)? = (.*)$", text, re.M) or [None, ""])[1]))
print(" ".join(sorted(revisions - parents)))
`

// MigrationHead is the last migration that the platform's image carries.
func (s *Session) MigrationHead(ctx context.Context) (string, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	out, err := s.exec(ctx, "scheduler", "python", "-c", headScript)
	if err != nil {
		return "", fmt.Errorf("read the migrations of the image: %w", err)
	}
	heads := strings.Fields(out)
	if len(heads) != 1 {
		return "", fmt.Errorf("read the migrations of the image: %d heads: %v", len(heads), heads)
	}
	s.fact("migration-head", heads[0])
	return heads[0], nil
}
