"""A config submitted to a cluster of two nodes with a workspace on S3; a node is killed while it runs, then the driver.

    python -m benchmarks.two_nodes CONFIG --reference WORKSPACE [--kill-node 120] [--kill-driver 120] [--calm]

The cluster is started as its users do it (`ray start`), the store is moto's server (`tests/s3_server.py`). Sources of
the network are taken from what the reference workspace has fetched, since a registry has other versions later.
Prints what each submission took, and compares the manifest that comes of it with the reference's newest. Exits with 1
if they differ. ``--kill-node`` and ``--kill-driver`` are seconds after the first partition of the step samples is done;
``--calm`` kills nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipeline.storage.base import Storage
from pipeline.storage.open import open_storage
from pipeline.versions import published
from tests import s3_server
from tests.ray.clusters import Nodes, cluster, drivers, wait_until

FETCHED = ("fetched/", "tables/fetch/")
"""Of a workspace: what the network gave, and the records of it."""


def copied(source: Storage, target: Storage) -> int:
    """Copy what was fetched; how many bytes."""
    paths = [entry.path for prefix in FETCHED for entry in source.list(prefix)]
    size = 0
    for path in paths:
        data = source.read(path)
        target.write(path, data)
        size += len(data)
    return size


def submitted(config: Path, uri: str, nodes: Nodes) -> subprocess.Popen[bytes]:
    """The command, whose output is shown."""
    words = ["submit", config, "--workspace", uri, "--address", nodes.url, "--shared-folders"]
    return subprocess.Popen([sys.executable, "-m", "pipeline.cli", *map(str, words)])


def after(storage: Storage, run: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until so many seconds after the step samples has its first record, as long as the run runs."""
    wait_until(
        lambda: run.poll() is not None or any(e.path.endswith(".json") for e in storage.list("tables/samples/")), 1800
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        raise SystemExit(f"the submission ended with {run.wait(seconds)} before anything was killed")


def main() -> None:
    """Run, kill, run again, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--kill-node", type=float, default=120)
    parser.add_argument("--kill-driver", type=float, default=120)
    parser.add_argument("--calm", action="store_true")
    args = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path.cwd())
    os.environ.update(s3_server.SETTINGS)
    reference = open_storage(str(args.reference))
    with s3_server.serve() as endpoint, cluster() as nodes:
        s3_server.make_bucket(endpoint, "bench")
        uri = f"s3://bench/ws?endpoint_url={endpoint}"
        storage = open_storage(uri)
        print(f"{copied(reference, storage) / 1e6:,.0f} MB of what the network gave are there", flush=True)
        nodes.join()
        begin = time.monotonic()

        def tell(what: str) -> None:
            print(f"-- {time.monotonic() - begin:7.0f} s: {what}", flush=True)

        run = submitted(args.config, uri, nodes)
        if not args.calm:
            after(storage, run, args.kill_node)
            nodes.kill()
            tell("one node of two is killed")
            after(storage, run, args.kill_driver)
            for driver in drivers(uri):
                os.kill(driver, signal.SIGKILL)
            tell("the driver is killed")
            code = run.wait(600)
            tell(f"the submission ended with {code}")
            if code != 75:
                raise SystemExit(f"exit code {code} instead of 75")
            nodes.join()
            run = submitted(args.config, uri, nodes)
        code = run.wait()
        tell(f"the submission ended with {code}")
        path = published.manifest_path(published.numbers(reference)[-1])
        same = code == 0 and storage.read(path) == reference.read(path)
        print(f"the manifest is {'equal to' if same else 'NOT equal to'} that of one machine", flush=True)
    raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
