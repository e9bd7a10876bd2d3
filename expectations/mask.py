"""Values of personal columns, masked where samples are taken: before the ledger, a page, a message or the terminal sees them.

A mask is a digest under a random key that lives as long as one gate. Equal values look equal within a verdict, so that a repeated
e-mail address is seen to be repeated; nobody can find the value by trying all telephone numbers, since the key is gone.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any

from expectations.suite import Check, Suite

_DOTS = "••••"
_NUMBERS = frozenset(
    {
        "element_count",
        "unexpected_count",
        "missing_count",
        "unexpected_percent",
        "missing_percent",
        "unexpected_percent_total",
        "unexpected_percent_nonmissing",
    }
)
_ROWS = frozenset({"partial_unexpected_list", "unexpected_list", "partial_unexpected_index_list", "unexpected_index_list"})
_SHAPE = frozenset({"value", "count", "values", "quantiles", "details", "value_counts", "unexpected_rows"})
# What these observe is a number of values, or a type, and not a value.
_IMPERSONAL = frozenset(
    {
        "unexpected_rows_expectation",
        "expect_column_unique_value_count_to_be_between",
        "expect_column_values_to_be_of_type",
        "expect_column_proportion_of_unique_values_to_be_between",
        "expect_column_proportion_of_non_null_values_to_be_between",
        "expect_column_values_to_be_in_type_list",
    }
)
# Found wrong before any row was read: the suite's words, and no row's.
_BEFORE_ROWS = re.compile(r'\[(UNRESOLVED_|PARSE_SYNTAX_|UNDEFINED_|TABLE_OR_VIEW_)|Error: The column "|personal names no column')
_CLASS = re.compile(r"\[?([A-Z][A-Za-z_.]*(?:Error|Exception)\b|[A-Z][A-Z_.]{3,})")


def new_key() -> bytes:
    """A key for one gate."""
    return secrets.token_bytes(16)


@dataclass(frozen=True)
class Mask:
    """Hides what `personal` columns hold; `columns` are the names that the table really has, both in small letters."""

    personal: frozenset[str]
    columns: frozenset[str]
    key: bytes

    @classmethod
    def of(cls, suite: Suite, columns: Iterable[str], key: bytes) -> "Mask":
        """The mask of a suite's table.

        Raises:
            ValueError: `personal` names a column that is not there; a misspelt name would hide nothing.
        """
        held, named = _lower(columns), _lower(suite.personal)
        if lost := sorted(named - held):
            if not suite.is_default:
                raise ValueError(f"personal names no column of the table: {', '.join(lost)}. Correct it, or take it out")
            named &= held
        # Bronze keeps there as text what could not be copied exactly, whatever column it came from.
        return cls(named | (held & {"_flags"} if named else named), held, key)

    def cover(self, result: Any, check: Check) -> None:
        """Mask in place what Great Expectations, or a check of our own, found."""
        if not self.personal:
            return
        result.result = self.found(result.result or {}, check)
        if result.exception_info:
            result.exception_info = self._raised(result.exception_info)

    def found(self, result: Mapping[str, Any], check: Check) -> dict[str, Any]:
        """The `result` of a check without a personal value: of a check about a personal column only numbers are left."""
        if not self._concerns(check):
            return {str(name): self._named(name, each) for name, each in result.items()}
        asks = _queries(check)  # names that a query gives to columns mean nothing
        return {name: each if self._is_number(name, each, check) else self._part(name, each, asks) for name, each in result.items()}

    def value(self, seen: Any) -> Any:
        """One value masked; nothing stays nothing."""
        if seen is None or seen == "":
            return seen
        return f"{_DOTS} {blake2s(str(seen).encode(errors='replace'), key=self.key, digest_size=3).hexdigest()}"

    def _hides(self, name: object) -> bool:
        return str(name).lower().split(".")[0] in self.personal

    def _concerns(self, check: Check) -> bool:
        words = {word for query in _queries(check) for word in re.findall(r"\w+", query.lower())}
        return any(map(self._hides, check.columns)) or bool(words & self.personal)

    @staticmethod
    def _is_number(name: str, each: Any, check: Check) -> bool:
        return isinstance(each, int | float) and name in _NUMBERS or name == "observed_value" and check.expect in _IMPERSONAL

    def _part(self, name: str, each: Any, asks: list[str]) -> Any:
        if name == "partial_unexpected_counts" and isinstance(each, list):
            return [{"value": self._hidden(one.get("value")), "count": one.get("count")} for one in each if isinstance(one, dict)]
        if name not in _ROWS or asks or not isinstance(each, list | tuple):
            return self._hidden(each)
        return [self._row(row) for row in map(_plain, each)]

    def _row(self, row: Any) -> Any:
        if not isinstance(row, dict) or not _lower(row) <= self.columns:
            return self._hidden(row)
        return {name: self._named(name, each) for name, each in row.items()}

    def _named(self, name: object, seen: Any) -> Any:
        """`seen` under its column's name."""
        seen = _plain(seen)
        if self._hides(name):
            return self._hidden(seen)
        if isinstance(seen, dict):
            return {inner: self._named(inner, each) for inner, each in seen.items()}
        return [self._named("", each) for each in seen] if isinstance(seen, list | tuple | set) else seen

    def _hidden(self, seen: Any) -> Any:
        seen = _plain(seen)
        if isinstance(seen, dict):
            return {self._key(name): self._hidden(each) for name, each in seen.items()}
        return [self._hidden(each) for each in seen] if isinstance(seen, list | tuple | set) else self.value(seen)

    def _key(self, name: object) -> Any:
        return name if str(name).lower() in self.columns | _SHAPE else self.value(name)

    def _raised(self, info: Any) -> Any:
        if not isinstance(info, dict):
            return info
        found = {name: self._raised(each) for name, each in info.items()}
        if info.get("exception_message"):
            found["exception_message"] = message(str(info["exception_message"]), self.personal)
        return found | {"exception_traceback": ""} if "exception_traceback" in info else found


def message(text: str, personal: Iterable[str]) -> str:
    """The words of an error about a table with `personal` columns: engines quote the value that they stumbled over."""
    if not [*personal] or _BEFORE_ROWS.match(text.strip()):
        return text
    kind = _CLASS.match(text.strip())
    return f"{kind[1] if kind else 'it broke off'} (its words may hold a personal value and are left out)"


def _queries(check: Check) -> list[str]:
    return [each for name, each in check.args.items() if "query" in name and isinstance(each, str)]


def _lower(names: Iterable[object]) -> frozenset[str]:
    return frozenset(str(name).lower() for name in names)


def _plain(seen: Any) -> Any:
    """Spark's rows as dictionaries."""
    return seen.asDict(recursive=True) if hasattr(seen, "asDict") else seen
