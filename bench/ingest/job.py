"""One contender in a process of its own: gets ready, waits for the word, copies, says what it took.

Runs in the environment of the contender: `python -m bench.ingest.job <module> <function>`. One line of JSON comes in (the
task, DSN included, so it stands in no process list), then an empty line as the start; one line goes out when ready, one
when done. What libraries print goes to standard error.
"""

import importlib
import json
import os
import sys
import time
from typing import Any


def main() -> None:
    """Serve one task."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module = importlib.import_module(sys.argv[1])
    task = json.loads(sys.stdin.readline())
    job = getattr(module, sys.argv[2])
    module.prepare(task)
    answers.write('{"ready": true}\n')
    sys.stdin.readline()
    answers.write(json.dumps(_run(job, task)) + "\n")
    sys.stdin.readline()  # stay until the processor time has been read


def _run(job: Any, task: dict[str, Any]) -> dict[str, Any]:
    started = time.monotonic()
    try:
        found = job(task)
    except BaseException as error:  # noqa: BLE001 - a contender that breaks is a result, not the end of the benchmark
        lines = str(error).strip().splitlines() or [""]
        return {"error": f"{type(error).__name__}: {lines[0]}"[:300]}
    return {"seconds": time.monotonic() - started, **found}


if __name__ == "__main__":
    main()
