"""What every part of Comporta shares: settings, errors, servers, sessions, the ledger and releases."""

import os
import time

# PySpark, pandas, DuckDB, Great Expectations and dbt turn times into the zone of the process, each at places of its own. Nothing
# here may depend on where a machine stands, so whatever imports this counts in UTC, and so do the processes that it starts.
os.environ["TZ"] = "UTC"
time.tzset()
