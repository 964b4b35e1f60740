"""One task whose first try works until it is killed, and whose second succeeds at once.

Expected: success after two tries, when the first try's pod is deleted while it prints.
Serves: logs.live, executor.pod_killed, logs.forced_deletion.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

try:
    from airflow.sdk import DAG, get_current_context, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.operators.python import get_current_context

# Far longer than the check needs to find the pod and delete it; a first try that reaches the end was not killed.
LONGEST_SECONDS = 240

with DAG("long_task", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def until_killed() -> int:
        number = get_current_context()["ti"].try_number
        print(f"airworthy marker: try {number} has begun")
        if number == 1:
            for second in range(LONGEST_SECONDS):
                # Of a running pod Airflow gives the last lines alone: each of them tells whose it is.
                print(f"airworthy marker: try {number} has begun, and is still here after {second} s", flush=True)
                time.sleep(1)
        return number

    until_killed()
