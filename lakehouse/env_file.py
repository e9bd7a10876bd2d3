"""The file `.env` beside the Makefile: where a setting came from, and names in it that nobody reads."""

import difflib
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path

from dotenv import dotenv_values

from lakehouse.errors import SettingsError

_NAME = re.compile("[A-Z][A-Z0-9_]*")


def origin(name: str, path: Path | None) -> str:
    """Where the setting `name` has its value from: "the environment", or the file and its line; "" if from neither."""
    if os.environ.get(name) or os.environ.get(name.lower()):
        return "the environment"
    line = _line(name, path)
    return f"{path}, line {line}" if line else ""


def refuse_unknown(path: Path | None, known: Collection[str], others: Callable[[], Collection[str]]) -> None:
    """Refuse a name in the file that is neither a setting nor one of `others`, for which sources.yml asks by `${NAME}`.

    A DSN may wait there for a sources.yml that is yet to be written.

    Raises:
        SettingsError: names the line, and the setting that was perhaps meant.
    """
    if path is None or not path.is_file():
        return
    unknown = {name: value for name, value in dotenv_values(path, interpolate=False).items() if name.upper() not in known}
    asked = others() if unknown else ()
    for name, value in unknown.items():
        if name in asked:
            continue
        near = difflib.get_close_matches(name.upper(), known, 1, 0.8)
        if near or not name.upper().endswith("_DSN"):
            other = "Remove it; what other programs are to read belongs into the environment"
            # What is no name may be the second line of a secret.
            seen = f"{name} is no setting" if _NAME.fullmatch(name) and value and value.strip("=") else "is no setting"
            raise SettingsError(f"{path}, line {_line(name, path)}", seen, remedy=f"Did you mean {near[0]}?" if near else other)


def _line(name: str, path: Path | None) -> int:
    """Number of the line that sets it, from 1; 0 if none does."""
    if path is None or not path.is_file():
        return 0
    pattern = re.compile(rf"\s*(?:export\s+)?{re.escape(name)}\s*(=|$)", re.IGNORECASE)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in reversed([*enumerate(lines, 1)]) if pattern.match(line)), 0)
