"""axe-core, as it is: what it has to say about a page."""

import shutil
from functools import cache
from pathlib import Path

from playwright.sync_api import Page

from tests.browser import npm

LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 375)]
_RUN = "() => axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)"


@cache
def source() -> str:
    """axe-core's script, from npm, installed once."""
    return (npm.installed("axe", npm.CACHE, "axe.min.js", _install) / "axe.min.js").read_text(encoding="utf-8")


def _install(work: Path, filled: Path, home: Path) -> None:
    npm.node(work, filled, "npm", "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund")
    shutil.copy(work / "node_modules" / "axe-core" / "axe.min.js", filled)


def faults(page: Page) -> list[str]:
    """Serious and critical violations in every look: rule, where, how it looked."""
    page.evaluate(source())
    found = []
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        for violation in page.evaluate(_RUN):
            if violation["impact"] in ("serious", "critical"):
                places = ", ".join(str(node["target"]) for node in violation["nodes"][:3])
                found.append(f"{scheme} {width}: {violation['id']}: {places}")
    return found
