"""Checks of a draft that concern other tables: contract, conservation and foreign keys, each to be tried before it is written."""

from expectations.drafting import profile, propose
from expectations.drafting.propose import Check, Subject
from expectations.names import key_of, known
from lakehouse import dbt
from lakehouse.engines.dialect import Types
from lakehouse.settings import Settings


def checks(settings: Settings, subject: Subject, seen: profile.Profile, types: Types) -> list[Check]:
    """Contract, conservation and foreign keys, to be tried: what does not hold is left out."""
    found: list[Check] = []
    if subject.layer != "bronze" and dbt.contract(settings, subject.table) is not None:
        found.append({"expect": "same_as_contract", "why": "its model has an enforced contract"})
    if subject.layer == "silver" and "_batch_id" in types and (source := _only_source(settings, subject)):
        why = f"made of bronze.{source} alone: no row may be lost or made up"
        found.append({"expect": "conserved", "table": f"bronze.{source}", "key": list(subject.key), "why": why})
    # Bronze is held against what was released, so a new parent would look like a missing one: silver is the place for it.
    return found if subject.layer == "bronze" else found + _foreign_keys(settings, subject, seen)


def _only_source(settings: Settings, subject: Subject) -> str | None:
    """The bronze table that the model is made of through views alone, if it has the same key."""
    built = dbt.manifest(settings)
    node = dbt.models(built, subject.layer).get(subject.table)
    numbers = list(built["parent_map"].get(node["unique_id"], [])) if node else []
    sources: set[str] = set()
    while numbers:
        number = numbers.pop()
        if number in built["sources"]:
            sources.add(built["sources"][number]["identifier"])
        elif built["nodes"].get(number, {}).get("config", {}).get("materialized") == "view":
            numbers += built["parent_map"].get(number, [])
        else:
            return None
    only = sources.pop() if len(sources) == 1 else None
    return only if only and subject.key and key_of(settings, "bronze", only) == subject.key else None


def _foreign_keys(settings: Settings, subject: Subject, seen: profile.Profile) -> list[Check]:
    tables = [table for layer, table in known(settings) if layer == subject.layer]
    single = {table: key[0] for table in tables if len(key := key_of(settings, subject.layer, table)) == 1}
    # A dimension is what others refer to; a report with the same key is not.
    ranked = sorted(single, key=lambda table: (not table.startswith("dim_"), not table.startswith("int_"), table))
    found = []
    for column in seen.columns.values():
        own = subject.key == (column.name,)
        if own or not column.filled or not column.name.endswith(("_id", "_uuid", "_code", "_key")):
            continue
        parents = [
            table
            for table in ranked
            if _refers(column.name, single[table]) and (table != subject.table or column.name != single[table])
        ]
        if parents:
            to = single[parents[0]]
            check = {"expect": "foreign_key", "column": column.name, "table": parents[0]} | (
                {} if to == column.name else {"to": to}
            )
            found.append(check | {"why": f"all values in {propose.many(column.filled)} are a {to} there"})
    return found


def _refers(column: str, key: str) -> bool:
    """`customer_id` and `billing_customer_id` refer to `customer_id`."""
    return column == key or (key.count("_") > 0 and column.endswith(f"_{key}"))
