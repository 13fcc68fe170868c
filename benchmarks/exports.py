"""Every export of a version: time, memory of the process that makes it, and every record held against its shard.

``python benchmarks/exports.py WORKSPACE [--formats lists,packed:form=npy]``

Each record's answer is decoded to SVG and compared with the canonical SVG of its sample; counts are compared with the
stage table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipeline.exports.base import Version
from pipeline.models.embeddings import read_vocabulary
from pipeline.storage.open import open_storage
from pipeline.versions import published
from stages import tokenize

FORMATS = "lists,packed,packed:form=npy,text,hf,hf:form=tokenized,llamafactory,axolotl,verl"

CODE = (
    "import resource, sys; from pipeline.cli.app import app; app(sys.argv[1:], standalone_mode=False);"
    "u = resource.getrusage(resource.RUSAGE_SELF); print('usage', u.ru_maxrss, u.ru_utime + u.ru_stime)"
)


def records(form: str, folder: Path, decode: Callable[[list[int]], str]) -> Iterator[tuple[str, str, str]]:
    """Stage, task and answer of each record of an export; of ids, the tokenizer's text."""
    for path in sorted(folder.rglob("*.parquet")):
        stage = path.relative_to(folder).parts[0]
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            columns = [name for name in file.schema_arrow.names if name not in ("images", "extra_info", "prompt")]
            for row in file.read_row_group(group, columns=columns).to_pylist():
                yield from ((stage, *record) for record in of_row(form, row, decode))
    for path in sorted(folder.rglob("*.npy")):
        for row in np.load(path, mmap_mode="r"):
            for number in range(1, row["document"].max() + 1):
                labels = row["labels"][row["document"] == number]
                yield path.parent.name, "text_to_svg", decode(labels[labels >= 0].tolist())


def of_row(form: str, row: dict[str, Any], decode: Callable[[list[int]], str]) -> Iterator[tuple[str, str]]:
    """Task and answer of the records of one row."""
    if form == "llamafactory":
        yield ("text_to_svg", row["output"]) if "output" in row else ("", row["messages"][-1]["content"])
    elif form == "verl":
        yield row["data_source"].rpartition("/")[2], row["reward_model"]["ground_truth"]
    elif form == "hf" and "completion" in row:
        yield row["task"], row["completion"][0]["content"]
    elif form == "text":
        yield "svg", row["svg"]
    elif form == "packed":
        for begin, end in zip(row["documents"], row["documents"][1:], strict=False):
            yield "text_to_svg", decode([label for label in row["labels"][begin:end] if label >= 0])
    elif form == "lists":
        yield row["task"], ""
    else:
        yield "text_to_svg", decode([label for label in row["labels"] if label >= 0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace")
    parser.add_argument("--formats", default=FORMATS)
    arguments = parser.parse_args()
    storage = open_storage(arguments.workspace)
    version = Version(storage, published.read(storage))
    vocabulary, segments = read_vocabulary(Path(arguments.workspace) / version.manifest.tokenizer_folder)
    tokenizer = tokenize.load_tokenizer(version.tokenizer)
    ends = tuple(filter(None, (version.special_token("eos"), "<|im_end|>\n")))

    def text(ids: list[int]) -> str:
        whole = str(tokenizer.decode(ids, skip_special_tokens=False))
        return next((whole.removesuffix(end) for end in ends if whole.endswith(end)), whole)

    def is_wrong(form: str, task: str, answer: str) -> bool:
        if form == "text":
            return answer not in canonical
        if answer.startswith("<svg"):
            return tokenize.decode(tokenize.decode_segments(answer, segments), vocabulary) not in canonical
        return form != "lists" and task not in ("", "image_to_caption")

    canonical = {row["svg"] for row in version.samples(version.shards, ["svg"])}
    print(f"{len(canonical):,} samples")
    for name in arguments.formats.split(","):
        form, _, setting = name.partition(":")
        with tempfile.TemporaryDirectory(prefix="svgmill-exports-") as folder:
            words = ["--format", form, "--out", folder, *(["--set", setting] if setting else [])]
            began = time.perf_counter()
            command = [sys.executable, "-c", CODE, "export", arguments.workspace, *words]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
                continue
            seconds = time.perf_counter() - began
            _, peak, cpu = done.stdout.splitlines()[-1].split()
            counts: Counter[str] = Counter()
            wrong = 0
            for stage, task, answer in records(form, Path(folder), text):
                counts[stage] += 1
                wrong += is_wrong(form, task, answer)
            if form != "text":
                listed = Counter[str]()
                for row in json.loads(Path(folder, "curriculum.json").read_text())["table"]:
                    listed[row["stage"]] += row["records"]
                wrong += sum(abs(listed[stage] - counts[stage]) for stage in listed | counts)
            rows, size = counts.total(), sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        print(
            f"{name:<20} {rows:>9,} records {seconds:7.1f} s, CPU {float(cpu):6.1f} s, {rows / float(cpu):7,.0f}/s,"
            f" {int(peak) / 1024:5.0f} MiB at most, {size / 1e6:7.1f} MB, {wrong} wrong",
            flush=True,
        )


if __name__ == "__main__":
    main()
