"""What a query says, looked at as text: its words, and what it asks for that is not in its tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lakehouse.engines.sparkfunctions import EACH_TIME, KNOWN, words

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`]|``)*`"""
_BLANK = re.compile(rf"({_QUOTED})|(?:--[^\n]*|/\*.*?\*/|\{{\#.*?\#\}}|\s)+", re.DOTALL)
_TOKEN = re.compile(
    rf"""(?P<blank>\s+|--(?:\\\n|[^\n])*)|(?P<comment>/\*)|(?P<raw>\br(?:'[^']*'|"[^"]*"))|(?P<quoted>{_QUOTED})"""
    r"|(?P<number>\d+\.?\d*(?:e[+-]?\d+)?(?!\w)|\.\d+(?:e[+-]?\d+)?)|(?P<word>\w+)|(?P<sign>::|->|=>|\|>|.)",
    re.DOTALL | re.IGNORECASE,
)
_ENDS = re.compile(r"/\*|\*/")
# Spark takes these for functions without parentheses, where there is no column of that name.
BARE = words("current_date current_timestamp current_time current_user session_user user current_path")
_SPECIAL = re.compile(r"\s*(?:now|today|tomorrow|yesterday)(?:\s+\S+)?\s*", re.IGNORECASE)
_TYPES = words("date timestamp timestamp_ntz timestamp_ltz")
# Words that an expression may follow; after any other word, a name is that of an alias.
BEFORE = words(
    "select distinct all from join on using where and or not in is like ilike rlike regexp between case when then else having by "
    "qualify limit offset over filter lateral view outer union intersect except minus values exists any some div escape with "
    "recursive table tablesample pivot unpivot for interval both leading trailing natural left right full inner cross semi anti group "
    "order sort cluster distribute window rows range return as set partition first last nulls of extend aggregate drop rollup cube"
)
SIZED = words("varchar numeric dec character try_cast timestampadd timestampdiff timediff")  # of the grammar, no functions
QUERY = words("select with from values table")  # words that a query begins with


@dataclass(frozen=True)
class Token:
    """A word, a quoted name, a text, a number or a sign of a query; `text` is in lower case and without its quotes."""

    kind: str  # word, name, text, number, sign
    text: str
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        """Whether it may be the name of something."""
        return self.kind in ("word", "name")


@dataclass
class QueryNames:
    """What a query asks for besides its tables."""

    surely: set[str] = field(default_factory=set)  # calls that need not give the same for the same rows
    perhaps: set[str] = field(
        default_factory=set
    )  # words that are calls only if there is no such column, and texts that may be a time
    aliases: set[str] = field(default_factory=set)  # names given to a value or a table


def bare(text: str) -> str:
    """SQL, perhaps with Jinja in it, without comments and with single blanks; what stands between quotes is as it was."""
    return _BLANK.sub(lambda found: found[1] or " ", text).strip()


def tokens(sql: str) -> list[Token]:
    """The query's tokens in order, as Spark's lexer has them."""
    return list(_tokens(sql))


def _tokens(sql: str) -> Iterator[Token]:
    at = 0
    while found := _TOKEN.match(sql, at):
        at, kind, text = found.end(), found.lastgroup, found[0]
        if kind == "comment":
            at = _after_comment(sql, at)
        elif kind == "raw":
            yield Token("text", text[2:-1].lower(), found.start(), at)
        elif kind == "quoted":
            name = text[0] == "`"
            said = text[1:-1].replace("``", "`") if name else text[1:-1]
            yield Token("name" if name else "text", said.lower(), found.start(), at)
        elif kind != "blank":
            yield Token(str(kind), text.lower(), found.start(), at)


def _after_comment(sql: str, at: int) -> int:
    """Where a comment ends that began before `at`; Spark's may hold others."""
    depth = 1
    while depth and (found := _ENDS.search(sql, at)):
        depth, at = depth + (1 if found[0] == "/*" else -1), found.end()
    return at if depth == 0 else len(sql)


def asked(sql: str) -> QueryNames:
    """What `sql` asks for besides its tables: the time, chance, who asks, and functions that are not Spark's own."""
    found, all_ = QueryNames(), tokens(sql)
    padded = [Token("sign", "", 0, 0), *all_, Token("sign", "", 0, 0), Token("sign", "", 0, 0)]
    for number, token in enumerate(all_, start=1):
        _look(found, padded, number, token)
    if "${" in sql:
        found.surely.add("a variable of the session")
    return found


def _look(found: QueryNames, around: list[Token], number: int, token: Token) -> None:
    before, after = around[number - 1], around[number + 1]
    if token.text == "_metadata" and token.is_name:
        found.surely.add("_metadata")
    elif token.kind == "text":
        if _SPECIAL.fullmatch(token.text):
            (found.surely if before.text in _TYPES and before.kind == "word" else found.perhaps).add(f"'{token.text}'")
        elif before.text == "using" and before.kind == "word":
            found.surely.add("a script")
    elif not token.is_name or after.text == "." or (before.text == "as" and before.kind == "word"):
        if token.is_name and before.text == "as":
            found.aliases.add(token.text)
    elif after.text == "(" and after.kind == "sign":
        if token.text == "tablesample":
            found.surely.add("tablesample")
        elif not _is_query_with_columns(around, number):
            _call(found, around, number, token)
    elif _is_alias(before):
        found.aliases.add(token.text)
    elif token.text in BARE and before.text != ".":
        found.perhaps.add(token.text)


def _is_alias(before: Token) -> bool:
    """Whether a name after `before` is one that is given, not one that is used."""
    return (
        before.kind in ("name", "text", "number")
        or before.text in (")", "]")
        or (before.kind == "word" and before.text not in BEFORE)
    )


def _is_query_with_columns(around: list[Token], number: int) -> bool:
    """Whether this is `x (a, b) as (select …`: what `with` names, and no call."""
    at = number + 1
    while around[at].text not in (")", ""):
        at += 1
    said = [each.text for each in around[at : at + 4]]
    return said[:3] == [")", "as", "("] and said[3:] != [] and said[3] in QUERY


def _call(found: QueryNames, around: list[Token], number: int, token: Token) -> None:
    before, path = around[number - 1], [token.text]
    at = number
    while around[at - 1].text == "." and around[at - 2].is_name:
        at -= 2
        path.insert(0, around[at].text)
    own = path[:-1] in ([], ["builtin"], ["system", "builtin"])
    empty = around[number + 2].text == ")"
    if own and (token.text in EACH_TIME or (token.text == "unix_timestamp" and empty)):
        found.surely.add(f"{token.text}()")
    elif own and (token.text in KNOWN or (token.kind == "word" and token.text in BEFORE | SIZED)):
        return
    elif not own or not _is_alias(before):
        found.surely.add(f"{'.'.join(path)}(), which is no function of Spark's own")


_PIECE = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|\{\{.*?\}\}|\{%.*?%\}|(--[^\n]*|/\*.*?\*/|\{\#.*?\#\}|\s+)|(;)|.""", re.DOTALL
)


def without_end(query: str) -> str:
    """A query, perhaps with Jinja in it, up to its last word: without semicolons and comments behind it."""
    last = 0
    for piece in _PIECE.finditer(query):
        if not (piece[1] or piece[2]):
            last = piece.end()
    return query[:last]
