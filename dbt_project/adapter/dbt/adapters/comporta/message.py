"""What Spark says about a statement, as the author of a model wants to read it: where, what, and what was perhaps meant. Pure."""

import re
from difflib import get_close_matches

_PLACE = re.compile(r"[;,(]?\s*\(?line (\d+), pos (\d+)\)?|; line (\d+) pos (\d+)")
_CLASS = re.compile(r"\[([A-Z][A-Z_0-9.]+)\]\s*")
_STATE = re.compile(r"\s*SQLSTATE: \w{5}")
_MEANT = re.compile(r"\s*Did you mean one of the following\? \[(.*?)\]\.?")
_NAME = re.compile(r"with name (`(?:[^`]|``)+`(?:\.`(?:[^`]|``)+`)*)")
_STACK = re.compile(r"\n\s*at [\w$.]+\(|\n'?[A-Z]\w+ .*\n[+:]-|\n\s*Caused by: |\n== SQL |\n+'\w+ |;\n'", re.DOTALL)


def readable(message: str, sql: str, path: str = "", source: str = "") -> str:
    """Spark's `message` about `sql` without Java's stack and Spark's plan.

    Args:
        path, source: the file that the statement was made from, and its text; empty if not known.
    Returns:
        a few lines: the file and line (or the statement's line, if the file has no such line), what is wrong, the line itself.
    """
    plain = _STACK.split(message, maxsplit=1)[0].strip()
    plain = re.sub(r"^(?:[\w.]+Exception: |Error running query: |Runtime Error\s+)+", "", plain)
    place = _PLACE.search(plain) or _PLACE.search(message)
    plain = _PLACE.sub("", plain)
    said = _STATE.sub("", _CLASS.sub("", plain, count=1)).strip().rstrip(";")
    kind = found[1] if (found := _CLASS.search(plain)) else ""
    said = _with_suggestion(said, kind)
    if place is None:
        return f"{path}: {said}" if path else said
    line, column = (int(number) for number in place.groups() if number is not None)
    return _located(said, line, column, sql, path, source)


def _with_suggestion(said: str, kind: str) -> str:
    meant, name = _MEANT.search(said), _NAME.search(said)
    if not meant or not name:
        return said
    offered = [each.strip() for each in re.findall(r"`(?:[^`]|``)+`(?:\.`(?:[^`]|``)+`)*", meant[1])]
    wanted = name[1]
    last = {each.split("`.`")[-1].strip("`"): each.strip("`").split("`.`")[-1] for each in offered}
    near = get_close_matches(wanted.split("`.`")[-1].strip("`"), list(last), n=2, cutoff=0.6)
    what = "column" if "COLUMN" in kind else "name"
    told = f"there is no {what} {wanted.replace('`', '')}"
    if near:
        return f"{told}. Did you mean {' or '.join(last[each] for each in near)}?"
    return f"{told}. There are: {', '.join(each.replace('`', '') for each in offered)}"


def _located(said: str, line: int, column: int, sql: str, path: str, source: str) -> str:
    lines = sql.splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    own = _same_line(text, line, lines, source.splitlines())
    where = f"{path}:{own + 1}" if own is not None else (f"{path} (line {line} of the statement)" if path else f"line {line}")
    shown = source.splitlines()[own] if own is not None else text
    shift = shown.find(text.strip()) - (len(text) - len(text.lstrip())) if own is not None else 0
    parts = [f"{where}: {said}"]
    if shown.strip():
        mark = " " * max(0, column + shift) + "^"
        gutter = f"{(own + 1) if own is not None else line:>5} | "
        parts += [gutter + shown.rstrip(), " " * (len(gutter) - 2) + "| " + mark]
    return "\n".join(parts)


def _same_line(text: str, line: int, lines: list[str], source: list[str]) -> int | None:
    """Where the statement's line stands in the file: the one of its equals that comes as far down among them."""
    if not text.strip():
        return None
    equal = [number for number, own in enumerate(source) if own.strip() == text.strip()]
    before = sum(own.strip() == text.strip() for own in lines[: line - 1])
    return equal[before] if before < len(equal) else (equal[-1] if equal else None)
