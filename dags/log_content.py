"""One task whose log is hard to carry: many scripts, one very long line, five megabytes.

Expected: success; every line comes back whole, in order, and once.
Serves: logs.content, ingress.large_log, database.unicode (the first line is returned too), database.time_zone, database.pooled,
database.too_few_connections.
"""

from __future__ import annotations

from datetime import datetime

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

UNICODE = "airworthy unicode: Größe, ελληνικά, кириллица, 中文, עברית, 🛫 \u200b|"
LONG_LINE = 32 * 1024  # characters
BULK_LINES = 5 * 1024  # of a KiB each: 5 MiB

with DAG("log_content", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task
    def write() -> str:
        print(UNICODE)
        print("airworthy long: " + "x" * LONG_LINE + " end")
        for number in range(BULK_LINES):
            head = f"airworthy bulk {number:05d} "
            print(head + "." * (1024 - len(head) - 1))
        print("airworthy marker: all written")
        return UNICODE

    write()
