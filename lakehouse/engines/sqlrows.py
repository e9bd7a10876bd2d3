"""Whether what a query asks for besides its tables decides which rows it gives, or only what stands in a column."""

from dataclasses import dataclass

from lakehouse.engines.sparkfunctions import EACH_TIME, KNOWN, words
from lakehouse.engines.sqltext import BARE, QUERY, SIZED, Token, asked, tokens

_CHOOSES = words("where having qualify on group order limit offset window sort cluster distribute using partition")
_SETS = words("union intersect minus pivot unpivot |>")  # what gives a column another name, or a row another place


@dataclass
class _Level:
    """What stands between two brackets: the clause that it is at, and whether the value that is being told is one of those."""

    query: bool
    chooses: bool  # all of it stands in what decides on rows
    clause: str = ""
    touched: bool = False


def chooses_rows(sql: str) -> bool:
    """Whether the time, chance or who asks decides which rows `sql` gives; in doubt it does.

    A value that is given a name does if that name stands in a condition, anywhere.
    """
    said = asked(sql)
    calls = {call.removesuffix("()") for call in said.surely}
    all_ = tokens(sql)
    if not calls <= EACH_TIME or not said.perhaps <= BARE or any(_is_set(all_, at) for at in range(len(all_))):
        return True
    names: set[str] = calls | said.perhaps
    while names:
        given = _given(all_, names)
        if given is None or given <= names:
            return given is None
        names = names | given
    return False


def _is_set(all_: list[Token], at: int) -> bool:
    """Whether columns are told by their place from here: by a set of queries, or a list of names behind a query's."""
    token, before = all_[at], all_[at - 1 : at]
    if token.kind == "name" or token.kind == "text":
        return False
    if token.text == "except":
        return not (before and before[0].text == "*")
    said = [each.text for each in all_[at + 1 : at + 3]]
    if token.text == ")":
        return said == ["as", "("]
    return token.text in _SETS or (token.text == "as" and said[1:] == ["("] and said[0] not in KNOWN | SIZED)


def _given(all_: list[Token], names: set[str]) -> set[str] | None:
    """Names that are given to values with one of `names` in them; None if one of them stands in what decides on rows."""
    given: set[str] = set()
    levels = [_Level(query=True, chooses=False)]
    for at, token in enumerate(all_):
        level = levels[-1]
        before = all_[at - 1].text if at else ""
        if token.text == "(" and token.kind == "sign":
            query = at + 1 < len(all_) and all_[at + 1].text in QUERY
            inside = level.chooses or (level.clause in _CHOOSES) or (level.clause == "from" and not query)
            levels.append(_Level(query, inside, "" if query else level.clause))
        elif token.text == ")" and token.kind == "sign" and len(levels) > 1:
            levels.pop()
        elif token.kind == "word" and before != "." and token.text in _CHOOSES | QUERY | {"join"}:
            level.clause, level.touched = ("from" if token.text == "join" else token.text), False
        elif token.text == ",":
            level.touched = False
        elif token.is_name and level.touched and (before == "as" or all_[at - 1].kind in ("word", "name") or before == ")"):
            given.add(token.text)
        elif token.is_name and token.text in names and before != "as":
            if level.chooses or level.clause in _CHOOSES or level.clause == "from":
                return None
            _touch(levels)
    return given


def _touch(levels: list[_Level]) -> None:
    """The value that is told here has one of the names in it, and so has the one that it is a part of."""
    for place in range(len(levels) - 1, -1, -1):
        levels[place].touched = True
        if levels[place].query and (place == 0 or levels[place - 1].clause != "select"):
            return
