"""A forwarder files a thousand messages of a hundred declarations by `singlewindow submit`: how fast, and how large?

The messages lie in files, as a forwarder has them. The time is that of the whole command, from its start to its end;
memory is the gateways' above what they held at rest, with and without their judge children. One process judges with one
core; a process for each core shows what the command and the ledger let through.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.documents import RECIPES
from benchmarks.intake import CORES
from benchmarks.load import CHECKOUT, new_mark
from benchmarks.processes import cpu_seconds, rss_bytes, tree
from benchmarks.results import Form, Result, Row
from benchmarks.series import timeline
from benchmarks.stage import Stage, running_servers, running_stage

MESSAGES = {"quick": 20, "full": 1000, "long": 1000}
PROCESSES = sorted({1, CORES})
LIMIT_SECONDS = 900.0
EVERY_SECONDS = 0.2


def run(form: Form) -> Result:
    """One row for one gateway process, and one with a process for each core, which the goal is about."""
    results = [_run(MESSAGES[form], processes) for processes in PROCESSES]
    return Result([row for result in results for row in result.rows], results[0].series)


def _run(messages: int, processes: int) -> Result:
    with running_servers() as servers, running_stage(servers, gateways=processes) as stage:
        return _submit(stage, _write_files(servers.folder / "messages", messages))


def _write_files(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    recipe, mark = RECIPES["inventories"](), new_mark()
    files = [folder / f"{number:04d}.xml" for number in range(count)]
    for number, file in enumerate(files):
        file.write_bytes(recipe.document(number, mark))
    return files


def _submit(stage: Stage, files: list[Path]) -> Result:
    rest, before = _sizes(stage), stage.costs()["gateway"]
    held: list[tuple[float, float]] = []
    command = [sys.executable, "-m", "singlewindow", "submit", *map(str, files), "--url", stage.url]
    began = time.perf_counter()
    with subprocess.Popen([*command, "--key", stage.api_key], cwd=CHECKOUT, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            held.append(_sizes(stage))
            if time.perf_counter() - began > LIMIT_SECONDS:
                process.kill()
            time.sleep(EVERY_SECONDS)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"singlewindow submit ended with {process.returncode}")
    micros = (cpu_seconds(*stage.gateways) - before) / (len(files) * 100) * 1e6
    row = _describe(len(stage.gateways), len(files), sum(file.stat().st_size for file in files), seconds, micros)
    memory = {
        "gateway MB above rest": max(own for own, _ in held) - rest[0],
        "with judge children MB above rest": max(whole for _, whole in held) - rest[1],
    }
    return Result([row | memory], {"memory": timeline("MB, gateway process", {"resident": [own for own, _ in held]})})


def _describe(processes: int, messages: int, size: int, seconds: float, micros: float) -> Row:
    return {
        "gateway processes": processes,
        "messages": messages,
        "megabytes": size / 1e6,
        "seconds": seconds,
        "declarations/s": messages * 100 / seconds,
        "gateway µs a declaration": micros,
    }


def _sizes(stage: Stage) -> tuple[float, float]:
    """Megabytes of the gateway processes, and with their judge children."""
    every = [pid for top in stage.gateways for pid in tree(top)]
    return rss_bytes(*stage.gateways) / 1e6, rss_bytes(*every) / 1e6
