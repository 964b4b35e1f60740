"""One source, three mapped tasks that may overlap, one sum.

Expected: success; source gives [1, 2, 3], work of n gives {"number": n, "square": n * n},
total gives the list of squares that reached it, [1, 4, 9].
Serves: executor.pod_per_task, executor.parallel_tasks, executor.mapped_tasks, executor.xcom,
executor.default_resources, executor.finished_pods, executor.service_account, logs.persisted, logs.volume.
"""

from __future__ import annotations

import os
from datetime import datetime

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG("fan_out", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task
    def source() -> list[int]:
        print("airworthy marker: source")
        return [1, 2, 3]

    @task
    def work(number: int) -> dict:
        print(f"airworthy marker: work {number} on {os.uname().nodename}")
        return {"number": number, "square": number * number}

    @task(trigger_rule="all_done")
    def total(parts) -> list:
        # What did not arrive is kept as None: the check compares, the task does not judge.
        squares = [part.get("square") if isinstance(part, dict) else None for part in parts]
        return sorted(squares, key=lambda square: square or 0)

    total(work.expand(number=source()))
