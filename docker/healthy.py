"""Whether the Spark server answers a query, for the container's health check."""

from lakehouse import catalog
from lakehouse.settings import load

catalog.thrift_rows(load(), "select 1")
