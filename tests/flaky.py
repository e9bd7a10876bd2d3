"""`make flaky`: run what touches clocks, ports or servers again and again, on a machine that is busy with something else.

Each round has another order of tests and another time zone. The first round with a failure is the last: it names the tests.
"""

import argparse
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "var" / "log" / "flaky.log"
ZONES = ("UTC", "America/Sao_Paulo", "Asia/Tokyo")


def _busy(parent: int) -> None:
    """Keep a processor busy for as long as who asked for it lives, however it ends."""
    os.nice(5)  # the tests get their turn, later than on an idle machine
    while os.getppid() == parent:
        sum(range(2_000_000))


def _round(number: int, tests: list[str]) -> tuple[int, str]:
    """Exit code and output of pytest; who is interrupted lets it stop its servers."""
    command = [sys.executable, "-W", "ignore", "-m", "pytest", "-m", "timing", "-x", "-p", "no:cacheprovider", *tests]
    ours = os.environ | {"ORDER": str(number), "TZ": ZONES[number % len(ZONES)]}
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env=ours,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    try:
        said, _ = child.communicate()
    except BaseException:
        child.terminate()
        child.communicate()
        raise
    return child.returncode, said


def main() -> int:
    """Exit code: 0 if every round passed."""
    asked = argparse.ArgumentParser(prog="make flaky", description=__doc__)
    asked.add_argument("--times", type=int, default=30)
    asked.add_argument("--load", type=int, default=(os.cpu_count() or 1) + 1, help="busy processes beside the tests")
    asked.add_argument("tests", nargs="*", help="folders, files or tests; all by default")
    said = asked.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_text("", encoding="utf-8")
    context = multiprocessing.get_context("spawn")
    load = [context.Process(target=_busy, args=(os.getpid(),), daemon=True) for _ in range(said.load)]
    for process in load:
        process.start()
    try:
        for number in itertools.islice(itertools.count(1), said.times):
            began = time.monotonic()
            failed, told = _round(number, said.tests)
            with LOG.open("a", encoding="utf-8") as log:
                log.write(f"== round {number}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n{told}")
            if failed:
                print(told[-6000:])
                print(f"✗ round {number} of {said.times}: see {LOG}; again with ORDER={number} TZ={ZONES[number % len(ZONES)]}")
                return 1
            print(f"✓ round {number} of {said.times}, {time.monotonic() - began:.0f} s", flush=True)
    finally:
        for process in load:
            process.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
