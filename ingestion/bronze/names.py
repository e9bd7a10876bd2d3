"""Names of bronze tables and of their columns, from those of a source. Pure; no I/O."""

import hashlib
import re

from ingestion.bronze.columns import TECHNICAL

_AWKWARD = re.compile(r"[^\w]", re.UNICODE)


def delta_names(names: list[str]) -> dict[str, str]:
    """Source column name to Delta column name.

    Names are kept verbatim where Delta and Spark can hold them; other characters become `_xHH_` (their code point in
    hex), which can be read back. Where two names differ only in case, capitals are written so as well.

    Raises:
        ValueError: two names end up the same, or one takes a technical name.
    """
    folded = [name.casefold() for name in names]
    result: dict[str, str] = {}
    for name in names:
        clash = folded.count(name.casefold()) > 1
        result[name] = "".join(_spell(char, clash) for char in name)
    taken = {field.name for field in TECHNICAL}
    for name, target in result.items():
        others = [other for other, spelt in result.items() if spelt.casefold() == target.casefold() and other != name]
        if others or target.casefold() in taken:
            raise ValueError(f'column "{name}" clashes with {others[0] if others else "a technical column of that name"}')
    return result


def _spell(char: str, clash: bool) -> str:
    if _AWKWARD.match(char) or (clash and char != char.casefold()):
        return f"_x{ord(char):02x}_"
    return char


_LONGEST = 200  # characters of a table's name: folders, pages and tables named after it add some, and 255 bytes is the end


def table_name(source: str, schema: str, table: str) -> str:
    """Name of the bronze table: `<source>__<table>`, with the schema in between unless it is `public`.

    One that would be too long for a folder is cut, and ends in eight hex digits of the whole name's SHA-256.
    """
    parts = [source, table] if schema == "public" else [source, schema, table]
    spelt = ["".join(char if re.match(r"[a-z0-9_]", char) else f"_x{ord(char):02x}_" for char in part) for part in parts]
    name = "__".join(spelt)
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
