"""A first task that lasts, and a second that only a living scheduler can start.

Expected: success with one try each, also when the scheduler is killed, or the database or the object store silent, while
the first task runs.
Serves: executor.scheduler_killed, database.outage, logs.store_gone, ingress.login_browser.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

# Long enough for a check to act while the task runs, whatever the machine.
FIRST_SECONDS = 8

# A run whose conf says "hold" ends its first task when this file is there, or after that time.
GO = Path("/tmp/airworthy-go")
HELD_SECONDS = 180

with DAG("two_steps", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task(retries=0)
    def first(dag_run=None) -> str:
        print("airworthy marker: first has begun", flush=True)
        time.sleep(FIRST_SECONDS)
        end = time.monotonic() + HELD_SECONDS
        while (dag_run.conf or {}).get("hold") and not GO.exists() and time.monotonic() < end:
            time.sleep(0.2)
        return "first"

    @task(retries=0)
    def second(before: str) -> str:
        return before + ", second"

    second(first())
