"""RAW_PATTERN: where a file of a source lies in the lake's RAW zone, as a path with placeholders. Pure; no I/O."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT = "raw/{source}/{format}/{entity}/{year}/{month}/{day}/{file}"
_NAMES = ("source", "format", "entity", "year", "month", "day", "file")
_CASES = {"title": str.title, "upper": str.upper, "lower": str.lower}
_HELD = re.compile(r"\{([^{}]*)\}")
_PLAIN = re.compile(r"[A-Za-z0-9._=@+-]*")
# Where tables of a lake lie: what is uploaded must not get among them.
_TAKEN = {"bronze", "silver", "gold", "ops", "warehouse"}


@dataclass(frozen=True)
class RawPattern:
    """A pattern that has been judged.

    Attributes:
        parts: between slashes, the last one `{file}`.
    """

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "RawPattern":
        """The pattern that `text` is.

        Raises:
            ValueError: it is none; says what is wanted.
        """
        parts = tuple(text.split("/"))
        for part in parts:
            _judge(part)
        held = [name for part in parts for name, _ in _placeholders(part)]
        for name in ("source", "entity", "file"):
            if held.count(name) != 1:
                raise ValueError(f"wanted: {{{name}}} in it, once")
        if parts[-1] != "{file}":
            raise ValueError("wanted: {file} as its last part, with nothing beside it")
        if _HELD.search(parts[0]) or parts[0].casefold() in _TAKEN:
            raise ValueError("wanted: a folder of its own to begin with, such as raw, in which no tables lie")
        # What lies below a source's folder is that source's alone: whoever reads a source reads below it.
        if held[0] != "source" or any("source" in names and len(names) > 1 for names in map(_names, parts)):
            raise ValueError("wanted: {source} before all others, in a part that holds no other")
        return cls(parts)

    def path(self, values: Mapping[str, str]) -> str:
        """The path of a file; `values` has each placeholder's."""
        return "/".join(_rendered(part, values) for part in self.parts)

    def root(self, source: str) -> str:
        """The longest path that all files of `source` have in common, without a slash at its end."""
        held = [set(_names(part)) for part in self.parts]
        fixed = next(number for number, names in enumerate(held) if names - {"source"})
        return "/".join(_rendered(part, {"source": source}) for part in self.parts[:fixed])

    def turns_case(self, name: str) -> bool:
        """Whether a placeholder is written in another case than its value has: then `a` and `A` would share a place."""
        return any(name == each and case for part in self.parts for each, case in _placeholders(part))


def _judge(part: str) -> None:
    names = _names(part)
    for name, case in _placeholders(part):
        if name not in _NAMES or case not in {"", *_CASES}:
            known = [*_NAMES, *(f"{each}:{way}" for each in _NAMES[:3] for way in _CASES)]
            near = difflib.get_close_matches(f"{name}:{case}" if case else name, known, 1, 0.5)
            meant = f"{{{near[0]}}} in place of" if near else f"one of {', '.join(_NAMES)}, or such as source:title, and not"
            raise ValueError(f"wanted: {meant} {{{name}{':' if case else ''}{case}}}")
        if case and name not in _NAMES[:3]:
            raise ValueError(f"wanted: {{{name}}} without a case, and not {{{name}:{case}}}")
    rest = _HELD.sub("", part)
    if odd := _PLAIN.sub("", rest):
        raise ValueError(f"wanted: letters, digits, . _ = @ + - and placeholders, and not {odd[0]!r}")
    if part in ("", ".", "..") or ".." in rest:
        raise ValueError("wanted: a path below the lake, without .., empty parts or a slash at either end")
    if part[0] in "._":
        raise ValueError(f"wanted: no part that begins with {part[0]}, which readers take for hidden")
    if len({*names} & {*_NAMES[:3]}) > 1:  # a-b and c, or a and b-c, would be one
        raise ValueError(f"wanted: a slash between the placeholders of {part}")


def _placeholders(part: str) -> list[tuple[str, str]]:
    """Name and case of each."""
    said = (found.partition(":") for found in _HELD.findall(part))
    return [(name, case) for name, _, case in said]


def _names(part: str) -> list[str]:
    return [name for name, _ in _placeholders(part)]


def _rendered(part: str, values: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        name, _, case = found[1].partition(":")
        return _CASES[case](values[name]) if case else values[name]

    return _HELD.sub(one, part)
