"""Pages of verdicts load nothing from elsewhere and run nothing that a value carries."""

from datetime import UTC, datetime

import pytest

from expectations import offline

PAGE = """<html><head><title>x</title><link rel="stylesheet" href="https://cdn.example/a.css"><style>.a{}</style></head>
<body><script src="https://cdn.example/a.js"></script><script>go()</script><img alt="l" src="//other.example/pixel.png?id=1">
<i class="fas fa-times text-danger"></i> Failed <a href="../../expectations/bronze/t.html" >bronze.t</a>{value}</body></html>"""


@pytest.mark.parametrize(
    "value", ["", "<script>steal()</script>", "<IMG SRC=https://evil.example/x>", "<img src='//evil.example'>"]
)
def test_nothing_of_other_sites_is_left(value: str) -> None:
    page = offline.whole(PAGE.replace("{value}", value))
    assert "example" not in page and "<script" not in page.lower()
    assert "fa-times text-danger" in page and "bronze.t" in page and "expectations/bronze" not in page
    assert page.index("Content-Security-Policy") < page.index("<title>")


def test_making_a_page_whole_twice_changes_nothing_that_is_shown() -> None:
    once = offline.whole(PAGE)
    body = once[once.index("<body>") :]
    twice = offline.whole(once)
    assert twice[twice.index("<body>") :] == body


def test_the_index_links_the_page_and_escapes_names() -> None:
    row = {"layer": "bronze", "table_name": "crm__<b>", "verdict": "passed", "failed_warning": 1, "failed_critical": 0, "ran": 3}
    row |= {
        "declared": 3,
        "rows_seen": 7,
        "delta_version": 0,
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "page": "quality/validations/a b.html",
    }
    page = offline.index([row], "quality")
    assert 'href="./validations/a%20b.html"' in page
    assert "crm__&lt;b&gt;" in page and "<b>" not in page
    assert "warned" in page and "2/3" in page and "<td>0" in page
