"""dbt asks each adapter for its version: ours follows the one that it extends."""

from importlib.metadata import version as _of

version = _of("dbt-spark")
