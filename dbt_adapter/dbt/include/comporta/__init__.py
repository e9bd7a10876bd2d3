"""Where dbt looks for the adapter's macros; the project's own are in `dbt_project/macros`, for people to read and change."""

from pathlib import Path

PACKAGE_PATH = str(Path(__file__).parent)
