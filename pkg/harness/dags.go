package harness

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
)

// WriteDAGFile puts a version of a DAG file where the platform takes its DAGs
// from: into the DAG folder, at once as a whole, so that the DAG processor
// never sees half of it; or into the Git repository.
func (s *Session) WriteDAGFile(ctx context.Context, content Content) error {
	if s.Asked().Git.Kind != "none" {
		_, err := s.PushFiles(ctx, "Put "+content.Name, content)
		return err
	}
	return s.inDAGFolder(ctx, func(ctx context.Context, pod, container, folder string) error {
		return s.suite.clients.kube.WriteFiles(ctx, pod, container, folder, map[string]string{content.Name: content.Text})
	})
}

// RemoveDAGFile takes a DAG file away. It is used for clean-up, so a file that
// is not there is no error.
func (s *Session) RemoveDAGFile(ctx context.Context, file DAGFile) error {
	if s.Asked().Git.Kind != "none" {
		return s.DropFiles(ctx, file)
	}
	return s.inDAGFolder(ctx, func(ctx context.Context, pod, container, folder string) error {
		return s.suite.clients.kube.RemoveFiles(ctx, pod, container, folder, file.Name)
	})
}

// inDAGFolder acts in the container that holds the DAG folder writable.
func (s *Session) inDAGFolder(ctx context.Context, act func(ctx context.Context, pod, container, folder string) error) error {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	release := s.suite.stack.Release
	if release.DAGWriter == "" {
		return errors.New("change the DAG folder: the platform has none that can be changed while it runs")
	}
	component, err := s.component(release.DAGWriter)
	if err != nil {
		return err
	}
	pods, err := s.componentPods(ctx, component.Name)
	if err != nil {
		return err
	}
	if len(pods) == 0 {
		return fmt.Errorf("change the DAG folder: component %s has no pod", component.Name)
	}
	return act(ctx, pods[0].Name, component.Container, release.DAGFolder)
}

// WaitDAG waits until Airflow lists the DAG, which a run may then use.
func (s *Session) WaitDAG(ctx context.Context, id string) (airflow.DAG, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	began := time.Now()
	dag, err := airflow.WaitDAG(ctx, s.Airflow, id, everyDAG)
	s.fact("dag-"+id, map[string]any{"dag": dag, "took": time.Since(began).String()})
	return dag, err
}

// WaitImportError waits until Airflow reports that the file cannot be imported.
func (s *Session) WaitImportError(ctx context.Context, file DAGFile) (airflow.ImportError, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	found, err := await.Until(ctx, "an import error of "+file.Name, everyDAG,
		func(ctx context.Context) ([]airflow.ImportError, error) { return s.importErrors(ctx, file) },
		func(found []airflow.ImportError) error {
			if len(found) == 0 {
				return errors.New("none is reported")
			}
			return nil
		})
	s.fact("import-errors-"+file.DAG, found)
	if len(found) == 0 {
		return airflow.ImportError{}, err
	}
	return found[0], err
}

// WaitNoImportError waits until Airflow reports none for the file any more.
func (s *Session) WaitNoImportError(ctx context.Context, file DAGFile) error {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	_, err := await.Until(ctx, "the import error of "+file.Name+" to go", everyDAG,
		func(ctx context.Context) ([]airflow.ImportError, error) { return s.importErrors(ctx, file) },
		func(found []airflow.ImportError) error {
			if len(found) > 0 {
				lines := strings.Split(strings.TrimSpace(found[0].Trace), "\n")
				return fmt.Errorf("it is still reported: %s", lines[len(lines)-1])
			}
			return nil
		})
	return err
}

func (s *Session) importErrors(ctx context.Context, file DAGFile) ([]airflow.ImportError, error) {
	all, err := s.Airflow.ImportErrors(ctx)
	if err != nil {
		return nil, err
	}
	var of []airflow.ImportError
	for _, e := range all {
		if path.Base(e.Filename) == file.Name {
			of = append(of, e)
		}
	}
	return of, nil
}
