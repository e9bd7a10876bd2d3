"""Standard SQL's quoting, which PostgreSQL and DuckDB read alike."""


def quote(*names: str) -> str:
    """`names` as one dotted identifier."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: str) -> str:
    """`text` as a string literal; backslashes are plain (standard_conforming_strings)."""
    return "'" + text.replace("'", "''") + "'"
