"""The macros of nested JSON, rendered without dbt, as a job has them."""

from typing import Any

import jinja2

from lakehouse.settings import ROOT

MACROS = ROOT / "dbt_adapter/dbt/include/comporta/macros/documents.sql"


class Refused(Exception):
    """A macro refuses to be compiled."""


class _Exceptions:
    def raise_compiler_error(self, message: str) -> None:
        raise Refused(message)


def rendered(query: str, **given: Any) -> str:
    """A query that calls the macros, as SQL."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    return environment.from_string(MACROS.read_text(encoding="utf-8") + query).render(exceptions=_Exceptions(), **given).strip()
