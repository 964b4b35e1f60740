"""One task that fails at its first try and succeeds at its second.

Expected: success after two tries; each try prints its own number.
Serves: executor.retries, logs.per_try.
"""

from __future__ import annotations

from datetime import datetime, timedelta

try:
    from airflow.sdk import DAG, get_current_context, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.operators.python import get_current_context

with DAG("retries", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def second_time_lucky() -> int:
        number = get_current_context()["ti"].try_number
        print(f"airworthy marker: this is try {number}")
        if number == 1:
            raise RuntimeError("airworthy marker: the first try fails on purpose")
        return number

    second_time_lucky()
