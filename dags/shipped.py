"""One task that speaks in every way a pod can, fails at its first try and succeeds at its second.

Expected: success after two tries. Each try's pod writes a traceback as text (before Airflow starts), a hundred lines
"airworthy shipped RUN try N line NNN", one warning, and a traceback line by line; the first try ends with an exception.
Serves: logs.shipped_once, logs.shipped_fields, logs.shipped_multiline, logs.shipped_filter, logs.shipped_outage.
"""

from __future__ import annotations

import logging
import os
import traceback
from datetime import datetime, timedelta

from kubernetes.client import models as k8s

try:
    from airflow.sdk import DAG, get_current_context, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.operators.python import get_current_context

IMAGE = os.environ.get("AIRWORTHY_IMAGE", "apache/airflow:3.2.2")
LINES = 100

# What a process of Airflow does that dies before its logging is set up.
TEXT = """
def deep():
    raise LookupError('airworthy text traceback')

def shallow():
    deep()

shallow()
"""

OVERRIDE = k8s.V1Pod(
    spec=k8s.V1PodSpec(
        containers=[k8s.V1Container(name="base")],
        init_containers=[
            k8s.V1Container(
                name="text",
                image=IMAGE,
                image_pull_policy="IfNotPresent",
                command=["/bin/sh", "-c", 'python3 -S -c "$1" || true', "sh", TEXT],
                # A pod under a restricted policy is refused unless every container says so.
                security_context=k8s.V1SecurityContext(
                    allow_privilege_escalation=False, capabilities=k8s.V1Capabilities(drop=["ALL"])
                ),
            ),
        ],
    ),
)

with DAG("shipped", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task(retries=1, retry_delay=timedelta(seconds=1), executor_config={"pod_override": OVERRIDE})
    def speak() -> int:
        context = get_current_context()
        number, run = context["ti"].try_number, context["dag_run"].run_id
        for line in range(LINES):
            print(f"airworthy shipped {run} try {number} line {line:03d}")
        logging.getLogger("airworthy").warning("airworthy shipped %s try %d warning", run, number)
        try:
            raise KeyError("airworthy printed traceback")
        except KeyError:
            traceback.print_exc()
        if number == 1:
            raise RuntimeError("airworthy raised traceback")
        return number

    speak()
