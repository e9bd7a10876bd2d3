"""Runs of jobs/trusted.py in one Spark, each as the script that it is: what each said, and how it ended.

Called by spark-submit with two files of JSON: the arguments of each run, and where to write what became of them.
"""

import io
import json
import runpy
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "jobs" / "trusted.py"


def run(arguments: list[str]) -> dict[str, object]:
    """How one run ended."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = [str(SCRIPT), *arguments]
    with redirect_stdout(out), redirect_stderr(err):
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        except Exception:
            code = 1
            traceback.print_exc()
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    place = Path(sys.argv[2])
    place.write_text(json.dumps([run(arguments) for arguments in asked]), encoding="utf-8")
