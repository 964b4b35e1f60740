"""One task whose executor_config changes its pod.

Expected: success; the pod has the label airworthy/override=yes, the environment variable AIRWORTHY_OVERRIDE, the
memory limit 768Mi, and a side-car named side-car that has run.
Serves: executor.pod_override.
"""

from __future__ import annotations

import os
from datetime import datetime

from airflow.configuration import conf
from kubernetes.client import models as k8s

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

# The one image that is certain to be had here: the executor's own.
IMAGE = ":".join(
    conf.get("kubernetes_executor", key, fallback=default)
    for key, default in (("worker_container_repository", "apache/airflow"), ("worker_container_tag", "latest"))
)

OVERRIDE = k8s.V1Pod(
    metadata=k8s.V1ObjectMeta(labels={"airworthy/override": "yes"}),
    spec=k8s.V1PodSpec(
        containers=[
            k8s.V1Container(
                name="base",
                env=[k8s.V1EnvVar(name="AIRWORTHY_OVERRIDE", value="reached the pod")],
                resources=k8s.V1ResourceRequirements(
                    requests={"cpu": "100m", "memory": "256Mi"}, limits={"cpu": "1", "memory": "768Mi"}
                ),
            ),
            k8s.V1Container(
                name="side-car",
                image=IMAGE,
                image_pull_policy="IfNotPresent",
                command=["/bin/sh", "-c", "echo airworthy marker: side-car"],
                # A pod under a restricted policy is refused unless every container says so.
                security_context=k8s.V1SecurityContext(
                    allow_privilege_escalation=False, capabilities=k8s.V1Capabilities(drop=["ALL"])
                ),
            ),
        ]
    ),
)

with DAG("pod_override", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task(executor_config={"pod_override": OVERRIDE})
    def overridden() -> str:
        return os.environ.get("AIRWORTHY_OVERRIDE", "")

    overridden()
