"""What a query says, looked at as text."""

import re

# A value that the same rows do not always give. Within a name or a text it costs a needless build.
_VOLATILE = re.compile(
    r"\b(current_date|current_timestamp|current_time|localtimestamp|now|getdate|curdate|unix_timestamp|rand|randn|random|uuid"
    r"|shuffle|current_user|session_user|user|monotonically_increasing_id|spark_partition_id|input_file_name|randstr|uniform)\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`)|(?:--[^\n]*|/\*.*?\*/|\{\#.*?\#\}|\s)+""", re.DOTALL)


def bare(text: str) -> str:
    """SQL, perhaps with Jinja in it, without comments and with single blanks; what stands between quotes is as it was."""
    return _TOKEN.sub(lambda found: found[1] or " ", text).strip()


def volatile(sql: str) -> str:
    """What `sql` asks for that is not in its tables: the time, chance, who asks; empty if there is no such thing."""
    found = _VOLATILE.search(bare(sql))
    return found[0].lower() if found else ""
