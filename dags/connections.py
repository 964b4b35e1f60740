"""One task that reads two connections, and prints what must be hidden in its log.

Expected: success; XCom return_value maps each connection to its host, port and login, a hash of its password, or an
error. The password's own text is printed, and must be masked wherever the log can be read.
Serves: secrets.connections_agree, secrets.encrypted_at_rest, secrets.masked_in_logs, secrets.signing_key,
secrets.fernet_rotation, secrets.signing_rotation, logs.credentials_rotated.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

try:
    from airflow.sdk import DAG, BaseHook, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.hooks.base import BaseHook

with DAG("connections", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task
    def read() -> dict:
        found = {}
        for name in ("airworthy_environment", "airworthy_database"):
            try:
                connection = BaseHook.get_connection(name)
            except Exception as error:  # noqa: BLE001 - the check reads what went wrong
                found[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
                continue
            password = connection.password or ""
            print(f"airworthy marker: password of {name} is <{password}>")
            print(f"airworthy marker: address of {name} is <{connection.get_uri()}>")
            found[name] = {
                "host": connection.host,
                "port": connection.port,
                "login": connection.login,
                "password": hashlib.sha256(password.encode()).hexdigest(),
            }
        return found

    read()
