"""One build of the site in a process of its own, as `make site` has it: prints seconds as JSON. `python -m bench.site.once FOLDER`."""

import time

_STARTED = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from datetime import UTC, datetime  # noqa: E402
from pathlib import Path  # noqa: E402

from bench.site import lake  # noqa: E402
from docs_site import build  # noqa: E402


def main() -> None:
    """Build, and print what importing, reading the ledger alone, and the whole build took."""
    settings = lake.settings(Path(sys.argv[1]))
    imported, worked = time.perf_counter(), time.process_time()
    build.build(settings, datetime.now(UTC))
    built, worked = time.perf_counter(), time.process_time() - worked
    build.read(settings)
    read = time.perf_counter() - built
    print(json.dumps({"imports": imported - _STARTED, "build": built - imported, "cpu": worked, "read": read}))


if __name__ == "__main__":
    main()
