"""Whether the Spark server is up and answers a query, for the container's health check."""

import tempfile
from pathlib import Path

from lakehouse.machine import load
from lakehouse.servers import thrift_session

# docker/serve.sh makes it when `up` has ended. A query is answered a minute before: then schemas are still made, and the lake is
# locked, so that a job that starts would be refused.
if not Path(tempfile.gettempdir(), "comporta.up").exists():  # this container's own, gone with it
    raise SystemExit("The Spark server is starting.")
thrift_session.answer(load(), patience=20.0)  # the check itself is given 30 s
