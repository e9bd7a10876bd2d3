"""What Spark says about a statement, as the author of a model wants to read it: where, what, and what was perhaps meant. Pure."""

import re
from difflib import get_close_matches

_KIND = re.compile(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]\s*")
_EXCEPTION = re.compile(r"[\w.$]+(?:Exception|Error):\s*")
_PLACES = (
    (re.compile(r"== SQL \(line (\d+), position (\d+)\) =="), 1),  # counts columns from 1
    (re.compile(r"\(line (\d+), pos (\d+)\)"), 0),
    (re.compile(r"[;,] line (\d+) pos (\d+)"), 0),
)
_END = re.compile(r"\s*(?:SQLSTATE: \w{5}|\n== SQL|\n\s*at [\w$.]+\(|;\n|\n'\w|[;,] line \d+ pos \d+|\(line \d+, pos \d+\))")
_MEANT = re.compile(r"\s*Did you mean one of the following\? \[(.*?)\]")
# Whoever reads of a name that is not there knows that it may be misspelt, and drops nothing.
_ADVICE = re.compile(r"\s*(?:Verify the spelling|If you did not qualify|To tolerate the error on drop).*\Z")
_NAME = r"`(?:[^`]|``)+`(?:\.`(?:[^`]|``)+`)*"
_MISSING = re.compile(rf"The ([a-z ]+) ({_NAME}) cannot be found\.")
_WANTED = re.compile(rf"with name ({_NAME})")


def readable(message: str, sql: str, path: str = "", source: str = "") -> str:
    """Spark's `message` about `sql` without Java's stack and Spark's plan.

    Args:
        path, source: the file that the statement was made from, and its text; empty if not known.
    Returns:
        a few lines: the file and line (or the statement's line, if the file has no such line), what is wrong, the line itself.
    """
    kind, said = _said(message.rpartition("Caused by: ")[2] if "Caused by: " in message else message)
    place = _place(message)
    if place is None:
        return f"{path}: {said}" if path else said
    return _located(_with_suggestion(said, kind), place, sql=sql, path=path, source=source)


def kind_of(message: str) -> str:
    """Spark's name for what is wrong, as SCHEMA_NOT_FOUND; empty if it has none."""
    return _said(message)[0]


def _said(message: str) -> tuple[str, str]:
    """Spark's name for what is wrong, empty if it has none, and its text."""
    kinds = list(_KIND.finditer(message[:600]))
    plain = message
    if kinds:
        same = [found for found in kinds if found[1] == kinds[0][1]]  # it is told twice, with an exception's name between
        plain = message[same[-1].end() :]
    else:
        plain = re.sub(r"^(?:Database Error|Runtime Error|Error running query:)\s*", "", plain)
        while found := _EXCEPTION.match(plain):
            plain = plain[found.end() :]
    text = _END.split(plain, maxsplit=1)[0]
    said = " ".join(text.split())
    if missing := _MISSING.match(said):
        rest = _ADVICE.sub("", said[missing.end() :])
        said = f"there is no {missing[1]} {missing[2].replace('`', '')}.{rest}"
    return (kinds[0][1] if kinds else ""), said


def _place(message: str) -> tuple[int, int] | None:
    """Line, from 1, and column, from 0."""
    for pattern, first in _PLACES:
        if found := pattern.search(message):
            return int(found[1]), int(found[2]) - first
    return None


def _with_suggestion(said: str, kind: str) -> str:
    meant, name = _MEANT.search(said), _WANTED.search(said)
    if not meant or not name:
        return said
    wanted = _last(name[1])
    offered = [_last(each) for each in re.findall(_NAME, meant[1])]
    near = get_close_matches(wanted, offered, n=2, cutoff=0.6)
    told = f"there is no {'column' if 'COLUMN' in kind else 'name'} {name[1].replace('`', '')}"
    return f"{told}. Did you mean {' or '.join(near)}?" if near else f"{told}. There are: {', '.join(offered)}"


def _last(name: str) -> str:
    return str(re.findall(r"`((?:[^`]|``)+)`", name)[-1]).replace("``", "`")


def _located(said: str, place: tuple[int, int], *, sql: str, path: str, source: str) -> str:
    line, column = place
    lines, own = sql.splitlines(), source.splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    at = _same_line(text, line, lines, own)
    if at is not None:
        where, number, shown = f"{path}:{at + 1}", at + 1, own[at]
        column += _indent(shown) - _indent(text)
    else:
        where, number, shown = f"{path}, line {line} of the compiled statement" if path else f"line {line}", line, text
    if not shown.strip():
        return f"{where}: {said}"
    return f"{where}: {said}\n{number:>5} | {shown.rstrip()}\n      | {' ' * max(0, column)}^"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _same_line(text: str, line: int, lines: list[str], source: list[str]) -> int | None:
    """Where the statement's line stands in the file: the one of its equals that comes as far down among them.

    Where Jinja made the line there is no equal; then the only line of the file that begins or ends as it does will do.
    """
    if not text.strip():
        return None
    equal = [number for number, own in enumerate(source) if own.strip() == text.strip()]
    if equal:
        before = sum(own.strip() == text.strip() for own in lines[: line - 1])
        return equal[min(before, len(equal) - 1)]
    made = [number for number, own in enumerate(source) if "{{" in own and _made_of(own, text)]
    return made[0] if len(made) == 1 else None


def _made_of(template: str, text: str) -> bool:
    parts = [re.escape(part) for part in re.split(r"\{\{.*?\}\}", template.strip())]
    return any(parts) and re.fullmatch(".*".join(parts), text.strip()) is not None
