"""Macros and materializations that come with the adapter: dbt finds them by itself, in any project."""

from pathlib import Path

PACKAGE_PATH = str(Path(__file__).parent)
