"""dbt's docs as one page: dbt's own, with what it shows written into it so that none of that can be markup or run."""

import base64
import hashlib
import re

from lakehouse import atomic, dbt
from lakehouse.errors import ServerError
from lakehouse.pages import policy
from lakehouse.settings import Settings

_SCRIPT = re.compile(r"<script\b[^>]*>(.*?)</script", re.DOTALL | re.IGNORECASE)
_PLACES = {
    "manifest": '"MANIFEST.JSON INLINE DATA"',
    "catalog": '"CATALOG.JSON INLINE DATA"',
}  # as `dbt docs generate --static` has it


def page(index: str, manifest: str, catalog: str) -> str:
    """The page.

    dbt writes the same, but a `</script>` in a description or a comment of a model ends its script there, and the rest is markup.

    Args:
        index: dbt's page without data.
        manifest, catalog: JSON.

    Raises:
        ServerError: it is not the page that is known here.
    """
    said = {"manifest": manifest, "catalog": catalog}
    found = _SCRIPT.search(index)
    if not found or any(index.count(place) != 1 for place in _PLACES.values()) or "<html" not in index:
        raise ServerError("dbt docs", "its page has no place for data", "dbt-core as requirements.lock has it", "Run make env")
    for name, place in _PLACES.items():
        index = index.replace(place, said[name].replace("<", r"\u003c"))
    scripts = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _SCRIPT.findall(index)]
    tag = policy.meta(policy.dbt(*(f"sha256-{script}" for script in scripts)))
    # Angular would try out whether it may make functions of text, and the browser would complain.
    index = re.sub(r"<html\b", '<html ng-csp="no-unsafe-eval"', index, count=1)
    return re.sub(r"<head\b[^>]*>", lambda head: f'{head[0]}{tag}<meta name="referrer" content="no-referrer">', index, count=1)


def write(settings: Settings) -> None:
    """Write the page into the site; made again only when the project or our way has changed, since it takes dbt 10 s."""
    path, mark = settings.site_dir / "dbt" / "index.html", settings.var_dir / "state" / "dbt_docs"
    target = settings.var_dir / "dbt" / "target"
    made_of = f"{dbt.fingerprint()} {policy.dbt()}"
    if not target.exists() or (path.exists() and mark.exists() and mark.read_text() == made_of):
        return
    dbt.invoke(settings, "docs", "generate")
    parts = [(target / name).read_text(encoding="utf-8") for name in ("index.html", "manifest.json", "catalog.json")]
    atomic.write(path, page(*parts))
    atomic.write(mark, made_of)
