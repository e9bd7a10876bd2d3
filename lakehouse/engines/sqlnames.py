"""The tables that a query names, by its text: as Spark's grammar has it, wherever a query may stand in another."""

from dataclasses import dataclass

from lakehouse.engines.sparkfunctions import words
from lakehouse.engines.sqltext import QUERY, Token, tokens

# What ends a list of tables at the same level of brackets.
_OTHER = words(
    "where group order having window qualify limit offset union intersect except minus select sort cluster distribute pivot unpivot "
    "lateral on using join left right full inner cross semi anti natural tablesample |>"
)
_END = Token("end", "", 0, 0)


@dataclass(frozen=True)
class Name:
    """A table's name as a query has it, in lower case but for a path, and where it stands."""

    parts: tuple[str, ...]
    start: int
    end: int

    def __str__(self) -> str:
        return ".".join(part if part.isidentifier() else "`" + part.replace("`", "``") + "`" for part in self.parts)


def named(sql: str) -> list[Name]:
    """Names of tables and views in `sql`, in order; not those of queries that it defines itself by `with`."""
    reader = _Reader(sql, tokens(sql))
    at = 0
    while at < len(reader.all):  # a bracket that was never opened: the query fails anyway
        at = reader.group(at, frozenset(), expecting=False, query=True)
    return reader.found


class _Reader:
    def __init__(self, sql: str, all_: list[Token]) -> None:
        self.sql, self.all, self.found = sql, all_, list[Name]()

    def at(self, number: int) -> Token:
        return self.all[number] if 0 <= number < len(self.all) else _END

    def is_(self, number: int, *words: str) -> bool:
        """Whether there is one of these words or signs, and not in quotes."""
        token = self.at(number)
        return token.kind in ("word", "sign") and token.text in words

    def group(self, at: int, known: frozenset[str], expecting: bool, query: bool) -> int:
        """Read what stands between two brackets, or the whole query.

        Args:
            known: names of queries, defined around this.
            expecting: a table comes first, as in `from (a join b …)`.
            query: `from` is followed by tables; not so in `extract(year from …)`.

        Returns:
            where it goes on behind the closing bracket.
        """
        tables = expecting
        if self.is_(at, "with"):
            at, known = self.queries(at + 1, known)
            query = True
        while at < len(self.all):
            if self.is_(at, ")"):
                return at + 1
            if expecting and not self.is_(at, "lateral"):
                expecting = False
                if self.at(at).is_name and not self.is_(at, *_OTHER, "from"):
                    at = self.table(at, known)
                    continue
                if self.is_(at, "("):
                    at = self.group(at + 1, known, not self.is_(at + 1, *QUERY), self.is_(at + 1, *QUERY))
                    continue
            at, expecting, tables, query = self.step(at, known, expecting=expecting, tables=tables, query=query)
        return at

    def step(self, at: int, known: frozenset[str], expecting: bool, tables: bool, query: bool) -> tuple[int, bool, bool, bool]:
        """One token that is no table: what follows it."""
        if self.is_(at, "("):
            return self.group(at + 1, known, False, self.is_(at + 1, *QUERY)), expecting, tables, query
        if self.is_(at, ","):
            return at + 1, tables, tables, query
        token = self.at(at)
        if token.kind not in ("word", "sign") or self.is_(at - 1, ".") or self.is_(at + 1, "."):
            return at + 1, expecting, tables, query
        if token.text == "select":
            return at + 1, False, False, True
        if token.text == "from" and query and not (self.is_(at - 1, "distinct") and self.is_(at - 2, "is", "not")):
            return at + 1, True, True, query
        if token.text == "join":
            return at + 1, True, True, query
        if token.text == "table" and (self.at(at + 1).is_name or self.is_(at + 1, "(")) and not self.is_(at - 1, "as"):
            return at + 1, True, tables, query
        if token.text == "lateral" and self.is_(at + 1, "view"):
            return at + 2, False, False, query
        return at + 1, expecting, tables and token.text not in _ENDS_LIST, query

    def queries(self, at: int, known: frozenset[str]) -> tuple[int, frozenset[str]]:
        """Read what `with` defines; where it goes on, and the names known from there."""
        recursive = self.is_(at, "recursive") and self.at(at + 1).is_name
        at += recursive
        while self.at(at).is_name:
            name = self.at(at).text
            at += 1
            if self.is_(at, "(") and not self.is_(at + 1, *QUERY):
                at = self.group(at + 1, known, False, False)
            while at < len(self.all) and not self.is_(at, "("):  # as, max recursion level 5
                at += 1
            at = self.group(at + 1, known | {name} if recursive else known, False, True)
            known = known | {name}
            if not self.is_(at, ","):
                break
            at += 1
        return at, known

    def table(self, at: int, known: frozenset[str]) -> int:
        """Read a table's name, a function of rows, or `values`; where it goes on."""
        if self.is_(at, "values"):
            at += 1
            while self.is_(at, "(", ",") or self.at(at).kind in ("text", "number"):
                at = self.group(at + 1, known, False, self.is_(at + 1, *QUERY)) if self.is_(at, "(") else at + 1
            return at
        first, parts = at, [self.at(at)]
        while self.is_(at + 1, ".") and self.at(at + 2).is_name:
            at += 2
            parts.append(self.at(at))
        if self.is_(at + 1, "("):  # what it is given may be a query
            return self.group(at + 2, known, False, self.is_(at + 2, *QUERY))
        if len(parts) > 1 or parts[0].text not in known:
            own = tuple(self.said(part) for part in parts)
            self.found.append(Name(own, self.at(first).start, parts[-1].end))
        return at + 1

    def said(self, part: Token) -> str:
        """The name; a path as it was written, since files tell capitals apart."""
        written = self.sql[part.start + 1 : part.end - 1].replace("``", "`")
        return written if part.kind == "name" and "/" in written else part.text


_ENDS_LIST = words("where group order having window qualify limit offset union intersect except minus sort cluster distribute |>")
