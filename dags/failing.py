"""One task that raises, with no retry left.

Expected: failed; the task's log holds the exception's type, its message and this file's name.
Serves: executor.failing_task, secrets.not_shown (a pod that is gone when logs are looked through).
"""

from __future__ import annotations

from datetime import datetime

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG("failing", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task(retries=0)
    def fail() -> None:
        raise ValueError("airworthy marker: this task fails on purpose")

    fail()
