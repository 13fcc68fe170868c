"""What a workspace on S3 asks of its store: requests by kind, and bytes by table, against what is stored.

    python -m benchmarks.store_requests FOLDER [--records 1000] [--each 500] [--forget] [--set render.size=64 ...]

Takes ``--each`` SVGs of every subfolder of FOLDER as a source, mills them onto an S3 server of its own, and again with
nothing changed and with one more source. Of p partitions, run or reused, and n new shards, 4 p + 3 n + 100 requests are
allowed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from pipeline.storage import tables
from pipeline.storage.open import open_storage
from pipeline.storage.s3_client import Bucket, Counts
from tests import helpers, s3_server

requests: Counter[str] = Counter()
reads: Counter[str] = Counter()
writes: Counter[str] = Counter()
received: Counter[str] = Counter()
sent: Counter[str] = Counter()


def watch() -> None:
    """Count what all storages of this process do. Bytes are counted by the beginning of the object's path."""
    genuine_add, genuine_get, genuine_put = Counts.add, Bucket.get, Bucket.put

    def add(self: Counts, kind: str = "", requests_: int = 0, bytes_in: int = 0, bytes_out: int = 0) -> None:
        requests[kind] += requests_
        genuine_add(self, kind, requests_, bytes_in, bytes_out)

    def get(self: Bucket, path: str, *arguments: object, **more: str) -> object:
        answer = genuine_get(self, path, *arguments, **more)  # type: ignore[arg-type]
        reads[place(path)] += 1
        received[place(path)] += len(answer[1] or b"")
        return answer

    def put(self: Bucket, path: str, data: bytes, *arguments: object, **more: str) -> object:
        writes[place(path)] += 1
        sent[place(path)] += len(data)
        return genuine_put(self, path, data, *arguments, **more)  # type: ignore[arg-type]

    Counts.add, Bucket.get, Bucket.put = add, get, put  # type: ignore[method-assign,assignment]


def place(path: str) -> str:
    """Of a table its stage and kind, of anything else its folder."""
    parts = path.split("/")
    if parts[0] != "tables":
        return parts[0]
    kinds = [kind for kind in ("json", "dropped", "provenance", "texts") if f".{kind}" in parts[-1]]
    return " ".join([parts[1], *kinds])


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=1000, help="records of a partition")
    parser.add_argument("--each", type=int, default=500, help="SVGs of each subfolder")
    parser.add_argument("--forget", action="store_true", help="remember no table, as if each task met another worker")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    args = parser.parse_args()
    os.environ.update(s3_server.SETTINGS)
    watch()
    if args.forget:
        tables.Recent.LARGEST = -1
    with s3_server.serve() as endpoint_url, tempfile.TemporaryDirectory(prefix="svgmill-requests-") as name:
        s3_server.make_bucket(endpoint_url, "bench")
        sources = []
        for folder in sorted(path for path in args.folder.iterdir() if path.is_dir()):
            target = Path(name) / folder.name
            target.mkdir()
            for number, file in enumerate(sorted(folder.rglob("*.svg"))[: args.each]):
                shutil.copyfile(file, target / f"{number:05}-{file.name}")
            sources.append({"name": folder.name, "kind": "folder", "path": str(target), "license": "MIT"})
        workspace = f"s3://bench/ws?endpoint_url={endpoint_url}"
        known: set[str] = set()
        for what, chosen in (("full", sources[:-1]), ("nothing to do", sources[:-1]), ("one more source", sources)):
            config = helpers.write_config(
                Path(name) / "config.yaml", Path(name), sources=chosen, partition={"records": args.records}, render={}
            )
            for counter in (requests, reads, writes, received, sent):
                counter.clear()
            result = helpers.mill(config, workspace, sets=tuple(args.sets)).result
            shards = {shard.path for shard in result.manifest.shards}
            told(what, result.ran, result.reused, len(shards - known), workspace)
            known = shards


def told(what: str, ran: int, reused: int, shards: int, workspace: str) -> None:
    """Print what was counted, with how much of each kind lies in the store."""
    total, bound = sum(requests.values()), 4 * (ran + reused) + 3 * shards + 100
    print(f"\n{what}: {ran} partitions run, {reused} reused, {shards} new shards")
    print(f"  {total} requests, allowed {bound}: {', '.join(f'{kind} {n}' for kind, n in requests.most_common() if n)}")
    stored: Counter[str] = Counter()
    for entry in open_storage(workspace).list():
        stored[place(entry.path)] += entry.size
    print(f"  {'':24}{'reads':>8}{'MB':>10}{'writes':>8}{'MB':>10}{'stored MB':>12}")
    for kind in [*sorted(kind for kind in stored if reads[kind] or writes[kind]), ""]:
        row = [counter[kind] if kind else counter.total() for counter in (reads, received, writes, sent, stored)]
        print(
            f"  {kind or 'all':24}{row[0]:>8}{row[1] / 1e6:>10.2f}{row[2]:>8}{row[3] / 1e6:>10.2f}{row[4] / 1e6:>12.2f}"
        )


if __name__ == "__main__":
    main()
