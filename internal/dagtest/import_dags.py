"""Import DAG files with the importer of the Airflow that runs this, and print what came of it as one line of JSON."""

import json
import sys

import airflow

try:  # Airflow 3
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 2
    from airflow.models.dagbag import DagBag

bag = DagBag(dag_folder=sys.argv[1], include_examples=False, safe_mode=False)
print(
    json.dumps(
        {
            "airflow": airflow.__version__,
            "errors": {str(path): str(error) for path, error in bag.import_errors.items()},
            "dags": {dag.dag_id: sorted(dag.task_ids) for dag in bag.dags.values()},
        }
    )
)
