"""Our packages: as pyproject.toml names them to mypy."""

import tomllib

from lakehouse.settings import ROOT

PACKAGES: tuple[str, ...] = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["packages"])
