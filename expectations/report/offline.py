"""Data docs made whole: a page as Great Expectations renders it takes its style, icons and tracking image from other sites.

Ours must show red offline, load nothing from anywhere, and never run what a data value may carry.
"""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from lakehouse.pages import policy

_POLICY = policy.meta(policy.QUALITY) + '<meta name="referrer" content="no-referrer">'
_STYLE = """<style>
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:1100px;padding:1rem 1.5rem;color:#222;background:#fff}
a{color:#0b5cad}h1,h4{font-size:1.4rem;margin:.4rem 0}div[role=region]{overflow-x:auto}h5{font-size:1.1rem;margin:0}h6{font-size:.95rem;margin:.6rem 0 .2rem}
nav.navbar{height:auto!important;border-bottom:1px solid #ddd;padding-bottom:.5rem}ol.breadcrumb{list-style:none;margin:0;padding:0}
ol.breadcrumb li{display:inline;margin-right:.6rem}.sticky,.lead{display:none}.ge-section{margin-top:1.2rem}
table{border-collapse:collapse;width:100%;margin:.4rem 0}td,th{border-bottom:1px solid #e3e3e3;padding:.35rem .6rem;text-align:left;
vertical-align:top}th{color:#555;font-weight:600}tr tr td,tr tr th{border:0;padding:.1rem .6rem}
td,th,li,h5{overflow-wrap:anywhere}@media(max-width:40rem){body{padding:.75rem}td,th,tr tr td,tr tr th{padding:.2rem .25rem}}
[hidden]{display:none}
i.fas{font-style:normal;font-weight:700}.text-danger,.failed,.errored{color:#b00020}.text-success,.passed{color:#1a7f37}
.text-warning,.warned{color:#8a5a00}.fa-times::before{content:"✗"}.fa-check-circle::before{content:"✓"}
.fa-exclamation-triangle::before{content:"!"}.fa-times.text-danger{background:#fde7ea;padding:0 .4rem;border-radius:3px}
tr:has(>td i.text-danger)>td{background:#fff5f6}
@media(prefers-color-scheme:dark){body{background:#16181b;color:#ddd}a{color:#7ab7ff}td,th{border-color:#333}th{color:#a9b0b8}
.text-danger,.failed,.errored{color:#ff8095}.text-success,.passed{color:#6fd08a}.text-warning,.warned{color:#e0b050}
.fa-times.text-danger{background:#4a1620}tr:has(>td i.text-danger)>td{background:#2b191d}}
</style>"""
_ELSEWHERE = (
    r"<script\b.*?</script>",
    r"""<(?:link|img)\b[^>]*?(?:href|src)\s*=\s*["']?(?:https?:)?//[^>]*>""",
    r"<link\b[^>]*favicon[^>]*>",
    r"<footer\b.*?</footer>",
    r"""<a\b[^>]*data-toggle="collapse"[^>]*>.*?</a>""",
)


def whole(page: str) -> str:
    """The HTML `page` of a verdict without anything of other sites, with our style and a policy that forbids the rest."""
    for pattern in _ELSEWHERE:
        page = re.sub(pattern, "", page, flags=re.S | re.I)
    page = re.sub(r"""<a href="[^"]*/expectations/[^"]*"\s*>(.*?)</a>""", r"\1", page, flags=re.S)
    page = re.sub(r"<style\b.*?</style>", "", page, flags=re.S | re.I)
    page = re.sub(r"""<a href="(\.\./)+index\.html">\s*</a>""", "", page)
    page = re.sub(r"""(<a href=")(\.\./)+(index\.html">)""", r"\1../../../\3", page)
    page = re.sub(r"<html>", '<html lang="en">', page, count=1)
    return re.sub(r"<head\b[^>]*>", lambda found: found.group() + _POLICY + _STYLE, page, count=1, flags=re.I)


def index(verdicts: Iterable[Mapping[str, Any]], folder: str) -> str:
    """The front page: the latest of the ledger's `verdicts` for each table; pages are linked relative to `folder`."""
    rows = "".join(_row(row, folder) for row in sorted(verdicts, key=lambda row: (row["layer"], row["table_name"])))
    head = "<tr><th>table<th>verdict<th>checks<th>rows<th>version<th>judged</tr>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{_POLICY}<title>Quality</title>{_STYLE}</head><body><p><a href='../index.html'>Overview</a></p>"
        f"<main><h1>Quality: the latest verdict over each table</h1><div tabindex=0 role=region aria-label=Tables><table>{head}{rows}"
        "</table></div></main></body></html>"
    )


def _row(row: Mapping[str, Any], folder: str) -> str:
    name = escape(f"{row['layer']}.{row['table_name']}")
    if row["page"]:
        name = f'<a href="./{quote(row["page"].removeprefix(folder + "/"))}">{name}</a>'
    warned = row["verdict"] == "passed" and row["failed_warning"]
    word = "warned" if warned else escape(row["verdict"])
    held = (row["ran"] or 0) - (row["failed_critical"] or 0) - (row["failed_warning"] or 0)
    version = "–" if row["delta_version"] is None else row["delta_version"]
    cells = (f"{held}/{row['declared']}", row["rows_seen"], version, f"{row['at']:%Y-%m-%d %H:%M} UTC")
    return f'<tr><td>{name}<td class="{word}">{word}' + "".join(f"<td>{escape(str(cell))}" for cell in cells) + "</tr>"
