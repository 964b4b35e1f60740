"""One source, three mapped tasks that wait for each other, one sum.

Expected: success; source gives [1, 2, 3], work of n gives {"number": n, "square": n * n},
total gives the list of squares that reached it, [1, 4, 9]. No work ends before all three have begun,
unless one of them waited for LONGEST_SECONDS in vain.
Serves: executor.pod_per_task, executor.parallel_tasks, executor.mapped_tasks, executor.xcom,
executor.default_resources, executor.finished_pods, executor.service_account, logs.persisted, logs.volume.
"""

from __future__ import annotations

import os
import time
from datetime import datetime

try:
    from airflow.sdk import DAG, get_current_context, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.operators.python import get_current_context

# A busy node starts the pods of one moment many seconds apart. Tasks that ended at once would
# then look as if they could not overlap.
LONGEST_SECONDS = 60
WORKS = (0, 1, 2)


def wait_for_the_others() -> None:
    ti = get_current_context()["ti"]
    ti.xcom_push(key="meeting", value="here")
    others = [index for index in WORKS if index != ti.map_index]
    given_up = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < given_up:
        met = [ti.xcom_pull(task_ids="work", key="meeting", map_indexes=index) for index in others]
        if "given up" in met:
            # They do not run side by side: waiting again would only take longer.
            return
        if all(met):
            return
        time.sleep(0.5)
    print(f"airworthy marker: work[{ti.map_index}] waited {LONGEST_SECONDS} s for the others")
    ti.xcom_push(key="meeting", value="given up")


with DAG("fan_out", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task
    def source() -> list[int]:
        print("airworthy marker: source")
        return [1, 2, 3]

    @task
    def work(number: int) -> dict:
        print(f"airworthy marker: work {number} on {os.uname().nodename}")
        wait_for_the_others()
        return {"number": number, "square": number * number}

    @task(trigger_rule="all_done")
    def total(parts) -> list:
        # What did not arrive is kept as None: the check compares, the task does not judge.
        squares = [part.get("square") if isinstance(part, dict) else None for part in parts]
        return sorted(squares, key=lambda square: square or 0)

    total(work.expand(number=source()))
