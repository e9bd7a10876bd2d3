"""Delta tables are opened, and the ledger is written, in one place each."""

import ast

from house import modules

# Who knows how a table of the store is opened: the tables themselves, bronze's, and dbt's adapter, whose tables lie anywhere.
_OPEN = ("lakehouse.tables.", "lakehouse.store.", "ingestion.bronze.", "dbt.adapters.comporta.")


def _calls(tree: ast.AST) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_tables_are_opened_by_lake_and_records_written_by_emit() -> None:
    found = {name: _calls(ast.parse(path.read_text(encoding="utf-8"))) for name, path in modules().items()}
    assert sum("lake.at" in calls or "lake.open" in calls for calls in found.values()) > 5
    assert sum("ledger.emit" in calls for calls in found.values()) > 5
    assert [name for name, calls in found.items() if "DeltaTable" in calls and not name.startswith(_OPEN)] == []
    assert [name for name, calls in found.items() if "ledger.append" in calls] == []
