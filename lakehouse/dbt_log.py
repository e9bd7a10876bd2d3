"""What dbt tells at its end, as short lines. Pure."""

import re
from collections.abc import Iterator, Sequence

_TIME = re.compile(r"^\d\d:\d\d:\d\d(?:  ?|$)")
_FAILED = re.compile(r"Failure in (\w[\w ]*?) (\S+) \((.+)\)")
# What says again where it was, the statement's line with its mark, and Java.
_NOISE = re.compile(
    r"(?:\w+ )*Error in .+ \(.+\)|compiled code at .*|\d+ \| .*|\|\s*\^|at [\w.$]+\(.*|org\.apache.*|Error|Done\..*|See .* for more.*"
)
_LONGEST = 300  # characters of a reason: more is in dbt's log


def failures(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Names of what failed, in their order (dbt's is that in which its threads are done), and a line for each that says where and why; empty if dbt told of none.

    What can't be a name (dbt could not read the project) is empty.
    """
    plain = [_TIME.sub("", line).strip() for line in lines]
    begins = [number for number, line in enumerate(plain) if _FAILED.fullmatch(line)]
    if begins:
        ends = [*begins[1:], len(plain)]
        return sorted(_failure(plain[begin:end]) for begin, end in zip(begins, ends, strict=True))
    if "Encountered an error:" in plain:
        told = plain[plain.index("Encountered an error:") + 1 :]
        where = re.search(r"\((.+?)\)", told[0]) if told and " in " in told[0] else None
        return [("", _short(f"{where[1]}: " if where else "", told[1:] if where else _joined(told)))]
    return []


def _failure(lines: Sequence[str]) -> tuple[str, str]:
    found = _FAILED.fullmatch(lines[0])
    assert found
    reason = _short("", lines[1:])
    return found[2], reason if reason.startswith(found[3]) else f"{found[3]}: {found[2]}: {reason}" if found[
        1
    ] == "test" else f"{found[3]}: {reason}"


def _joined(lines: Sequence[str]) -> Iterator[str]:
    """The kind of an error, and what it is, as one sentence."""
    for number, line in enumerate(lines):
        yield f"{line}:" if number == 0 and line.endswith("Error") else line


def _short(before: str, lines: Sequence[str] | Iterator[str]) -> str:
    kept = " ".join(line for line in lines if line and not _NOISE.fullmatch(line))
    text = before + " ".join(kept.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip()}…"
