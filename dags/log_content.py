"""One task whose log is hard to carry: many scripts, one very long line, five megabytes.

Expected: success; every line comes back whole, in order, and once.
Serves: logs.content, ingress.large_log, database.unicode (the first line is returned too), database.time_zone,
database.pooled, database.too_few_connections, database.secret_hidden (XCom environment names the variables that hold
what the run's conf looks for).
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from urllib.parse import unquote_to_bytes

try:
    from airflow.sdk import DAG, get_current_context, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.operators.python import get_current_context

UNICODE = "airworthy unicode: Größe, ελληνικά, кириллица, 中文, עברית, 🛫 \u200b|"
LONG_LINE = 32 * 1024  # characters
BULK_LINES = 5 * 1024  # of a KiB each: 5 MiB


def holding(sha256: str, length: int) -> list[str]:
    """Names of the variables that hold a text, as it is or escaped for a URL, by its hash and length."""

    def holds(value: bytes) -> bool:
        parts = (value[at : at + length] for at in range(len(value) - length + 1))
        return any(hashlib.sha256(part).hexdigest() == sha256 for part in parts)

    values = {name: os.fsencode(value) for name, value in os.environ.items()}
    return sorted(name for name, value in values.items() if holds(value) or holds(unquote_to_bytes(value)))


with DAG("log_content", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task
    def write() -> str:
        print(UNICODE)
        print("airworthy long: " + "x" * LONG_LINE + " end")
        for number in range(BULK_LINES):
            head = f"airworthy bulk {number:05d} "
            print(head + "." * (1024 - len(head) - 1))
        print("airworthy marker: all written")
        context = get_current_context()
        wanted = (context["dag_run"].conf or {}).get("look_for", {})
        context["ti"].xcom_push(key="environment", value={what: holding(**text) for what, text in wanted.items()})
        return UNICODE

    write()
