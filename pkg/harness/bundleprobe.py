"""Fetch Airflow's Git bundle with what the first argument, a JSON object, puts in the place of the platform's own
known hosts, authority or token, and print what came of it as one line of JSON."""

import json
import os
import sys
import tempfile
from urllib.parse import quote

asked = json.loads(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    # The DAG processor's own copy and its locks are left alone.
    os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH"] = folder

    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.providers.git.bundles.git import GitDagBundle

    def file_of(name):
        path = os.path.join(folder, name)
        with open(path, "w") as file:
            file.write(asked[name])
        return path

    bundle = next(one for one in DagBundlesManager().get_all_dag_bundles() if isinstance(one, GitDagBundle))
    if asked.get("knownHosts"):
        bundle.hook.known_hosts_file = file_of("knownHosts")
    if asked.get("ca"):
        os.environ["GIT_SSL_CAINFO"] = file_of("ca")
    if asked.get("token"):
        own = quote(bundle.hook.auth_token, safe="")
        bundle.repo_url = bundle.repo_url.replace(":" + own + "@", ":" + quote(asked["token"], safe="") + "@")
    try:
        bundle.initialize()
        answer = {
            "exitCode": 0,
            "commit": bundle.get_current_version(),
            "files": sorted(name for _, _, names in os.walk(bundle.path) for name in names),
        }
    except Exception as error:
        said = []
        while error:
            said.append(str(error))
            error = error.__cause__
        answer = {"exitCode": 1, "error": "\n".join(said)}
print(json.dumps(answer))
