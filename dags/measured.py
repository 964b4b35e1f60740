"""Two tasks at once, one of which fails; the other is part of a task group, so its id has a dot.

Expected: failed; steps.works is a success and fails has failed, each after one try.
Serves: metrics.counts_runs, metrics.labels, metrics.durations, metrics.dashboards, metrics.alerts.
"""

from __future__ import annotations

from datetime import datetime

try:
    from airflow.sdk import DAG, TaskGroup, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.utils.task_group import TaskGroup

with DAG("measured", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):
    with TaskGroup("steps"):

        @task(retries=0)
        def works() -> None:
            print("airworthy marker: this task works", flush=True)

        works()

    @task(retries=0)
    def fails() -> None:
        raise ValueError("airworthy marker: this task fails on purpose")

    fails()
