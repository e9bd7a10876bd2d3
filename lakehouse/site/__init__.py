"""The status site: one static page that says what the ledger knows."""

from lakehouse.site.build import build
from lakehouse.site.serve import serve

__all__ = ["build", "serve"]
