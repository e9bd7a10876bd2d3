"""`make bench-store`: the demo with the lake on STORE=s3 and in a folder, turn by turn on one machine; the ratio is what counts.

Each turn begins with nothing: a first demo, a business day, a second demo, and a third with nothing new. Setting up servers is counted
as a user meets it, and told apart.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lakehouse.servers.process import free_ports
from lakehouse.settings import ROOT, Settings

_PORTS = ("THRIFT_PORT", "CONNECT_PORT", "SPARK_UI_PORT", "POSTGRES_PORT", "S3_PORT", "SITE_PORT")
_STEPS = ("first demo", "demo after a day", "demo, nothing new")
_STAGE = re.compile(r"\bserver (\d+\.\d) s\b")


def main() -> None:
    """Run the turns and print the table."""
    asked = argparse.ArgumentParser(prog="bench.store")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--scale", type=float, default=0.05)
    said = asked.parse_args()
    seconds: dict[tuple[str, str], list[float]] = {}
    for number in range(said.rounds):
        order = ("folder", "s3") if number % 2 == 0 else ("s3", "folder")
        for store in order:
            for step, spent in _turn(store, said.scale).items():
                seconds.setdefault((store, step), []).append(spent)
                print(f"round {number + 1}, {store}, {step}: {spent:.1f} s", flush=True)
    print(_table(seconds))


def _turn(store: str, scale: float) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(prefix="comporta-store-", dir="/tmp"))
    mine = {name.upper() for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name not in mine and not name.startswith("AWS_")}
    environment |= {"VAR_DIR": str(folder), "SCALE": str(scale), "STORE": "s3" if store == "s3" else ""}
    environment |= {name: str(port) for name, port in zip(_PORTS, free_ports(len(_PORTS)), strict=True)}
    found = {}
    try:
        for step in _STEPS:
            if step == "demo after a day":
                _run(environment, "traffic")
            began = time.monotonic()
            told = _run(environment, "demo")
            spent = time.monotonic() - began
            starting = _STAGE.search(told)
            found[step] = spent - (float(starting[1]) if starting else 0.0)
            if step == "first demo" and starting:
                found["starting servers"] = float(starting[1])
    finally:
        _run(environment, "down")
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "comporta", *arguments],
        cwd=ROOT,
        env=environment,
        text=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _table(seconds: dict[tuple[str, str], list[float]]) -> str:
    lines = ["", "| step | folder, s | S3, s | ratio of medians |", "| --- | --- | --- | --- |"]
    for step in ("starting servers", *_STEPS):
        folder, store = (seconds.get((kind, step), []) for kind in ("folder", "s3"))
        if folder and store:
            ratio = statistics.median(store) / statistics.median(folder)
            lines.append(f"| {step} | {_each(folder)} | {_each(store)} | {ratio:.2f} |")
    return "\n".join(lines)


def _each(spent: list[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in sorted(spent))


if __name__ == "__main__":
    main()
