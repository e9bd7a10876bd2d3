"""Sessions of the Thrift server, whose errors name the model's file and line."""

import json
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dbt.adapters.spark.connections import SparkConnectionManager, SparkCredentials
from dbt_common.exceptions import DbtRuntimeError

from dbt.adapters.comporta.message import readable

_COMMENT = re.compile(r"\s*/\*\s*(\{.*?\})\s*\*/", re.DOTALL)  # what dbt puts before each statement


@dataclass
class ComportaCredentials(SparkCredentials):
    """dbt-spark's, with Spark's own view of what breaks a statement: a value that does not fit is an error."""

    @property
    def type(self) -> str:
        """The adapter's name in profiles.yml."""
        return "comporta"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.server_side_parameters.pop("spark.sql.ansi.enabled", None)  # dbt-spark's `false`


class ComportaConnectionManager(SparkConnectionManager):
    """dbt-spark's, with readable errors."""

    TYPE = "comporta"
    nodes: Mapping[str, Any] = {}  # of the manifest, by id

    @contextmanager
    def exception_handler(self, sql: str) -> Generator[None, None, None]:
        try:
            with super().exception_handler(sql):
                yield
        except DbtRuntimeError as error:
            raise DbtRuntimeError(readable(str(error.msg), sql, *self._source(sql))) from None

    def _source(self, sql: str) -> tuple[str, str]:
        """Path and text of the file that the statement comes from, both empty if it is not known."""
        found = _COMMENT.match(sql)
        try:
            node = self.nodes.get(json.loads(found[1]).get("node_id", "")) if found else None
        except ValueError:
            node = None
        return (node.original_file_path, node.raw_code) if node is not None else ("", "")
