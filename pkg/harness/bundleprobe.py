"""Fetch Airflow's Git bundle with the known hosts of the first argument, and print what came of it as one line of JSON."""

import json
import os
import sys
import tempfile

with tempfile.TemporaryDirectory() as folder:
    # The DAG processor's own copy and its locks are left alone.
    os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH"] = folder

    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.providers.git.bundles.git import GitDagBundle

    bundle = next(one for one in DagBundlesManager().get_all_dag_bundles() if isinstance(one, GitDagBundle))
    hosts = os.path.join(folder, "known_hosts")
    with open(hosts, "w") as file:
        file.write(sys.argv[1])
    bundle.hook.known_hosts_file = hosts
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
