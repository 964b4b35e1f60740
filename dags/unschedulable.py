"""One task whose pod no node can take.

Expected: failed, without its pod ever having run.
Serves: executor.unschedulable.
"""

from __future__ import annotations

from datetime import datetime

from kubernetes.client import models as k8s

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

TOO_MUCH = k8s.V1Pod(
    spec=k8s.V1PodSpec(
        containers=[
            k8s.V1Container(
                name="base",
                resources=k8s.V1ResourceRequirements(requests={"cpu": "10k"}, limits={"cpu": "10k"}),
            )
        ]
    )
)

with DAG("unschedulable", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task(retries=0, executor_config={"pod_override": TOO_MUCH})
    def never() -> None:
        print("airworthy marker: this must never be printed")

    never()
