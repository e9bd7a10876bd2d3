"""What a page of the site may load and run: nothing of other sites, and no script but the site's own.

Each page says it in a `<meta>`, which holds from a folder and a bucket too. Whoever serves them says it in headers as well, and
there also what no `<meta>` can: in whose frame a page may be. `terraform/modules/site` sends the same (a contract test compares).
"""

from pathlib import PurePosixPath

_ALWAYS = "base-uri 'none'; form-action 'none'"
OWN = f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; {_ALWAYS}"
# Great Expectations puts styles into tags and attributes. Sample values come from databases that we do not know: no script at all.
QUALITY = f"default-src 'none'; style-src 'unsafe-inline'; {_ALWAYS}"
# dbt's page is one script, which each page names by its hash (`dbt_page`); a header of all pages can't. Fonts and icons are in it.
_DBT = f"default-src 'none'; script-src {{}}; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; {_ALWAYS}"
_FRAME = "frame-ancestors 'none'"
_OF_FOLDERS = {"quality": QUALITY, "dbt": _DBT.format("'unsafe-inline'")}


def dbt(*hashes: str) -> str:
    """The policy of a page of dbt with scripts of these hashes: `sha256-…`."""
    return _DBT.format(" ".join(f"'{each}'" for each in hashes))


def meta(policy: str) -> str:
    """The tag that a page says it with."""
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def headers(path: str) -> dict[str, str]:
    """What to send with a file of the site.

    Args:
        path: relative to the site.
    """
    folder = PurePosixPath(path).parts[:1]
    return {
        "Content-Security-Policy": f"{_OF_FOLDERS.get(folder[0], OWN) if folder else OWN}; {_FRAME}",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",  # for browsers that know no frame-ancestors
        "Referrer-Policy": "no-referrer",
    }
