# Logs in to Airflow's own database twice, as Airflow itself does: under the name
# that is configured, and under the server's address.
import json
import socket

import psycopg2
from airflow import settings
from sqlalchemy.engine import make_url


def login(url):
    try:
        psycopg2.connect(url.set(drivername="postgresql").render_as_string(hide_password=False), connect_timeout=10).close()
    except psycopg2.Error as e:
        return str(e).strip() or type(e).__name__
    return ""


url = make_url(settings.engine.url)
address = socket.gethostbyname(url.host)
print(json.dumps({"as": address, "named": login(url), "misnamed": login(url.set(host=address))}))
