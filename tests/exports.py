"""Which of the questions in sql/ are about the credit marketplace: a lake of the shop alone has no answer to them."""

from pathlib import Path

import sqlglot
from sqlglot import exp

from lakehouse.settings import ROOT

QUESTIONS = sorted((ROOT / "sql").rglob("*.sql"))
_TABLES = {path.stem for path in (ROOT / "dbt_project/models").glob("*/credit/*.sql")}


def is_about_credit(path: Path) -> bool:
    """Whether the question names a model of credit's."""
    asked = sqlglot.parse_one(path.read_text(encoding="utf-8"), read="spark")
    return bool(_TABLES & {table.name for table in asked.find_all(exp.Table)})
