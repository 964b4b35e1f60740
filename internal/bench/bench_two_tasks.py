"""Two task pods, one after the other, that do nothing: what a DAG run costs before it does any work."""

from __future__ import annotations

from datetime import datetime

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG("bench_two_tasks", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task(retries=0)
    def first() -> int:
        return 1

    @task(retries=0)
    def second(before: int) -> int:
        return before + 1

    second(first())
