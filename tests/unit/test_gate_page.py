"""Pages of verdicts load nothing from elsewhere and run nothing that a value carries."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import pytest

from expectations.report import offline
from expectations.report.page import Pages
from expectations.runner import SuiteResult
from lakehouse.settings import Settings

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


HOSTILE = [
    "<script>x</script><img src=//e.example>",
    '<meta http-equiv=refresh content="0;url=//e.example">',
    "a & b &amp; <b>c</b>",
    "$HOME ${env:HOME} $v__0 $$",
    '"q" it\'s {{ 1/0 }}',
]


class _Page(HTMLParser):
    """The tags of a page and the texts between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.texts = list[str](), set[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.add(data.strip())


def _page(folder: Path, values: list[str], column: str, observed: str) -> _Page:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    kwargs = {"column": column, "value_set": values}
    counts = [{"value": value, "count": 1} for value in values]
    numbers = {"element_count": 9, "unexpected_count": 5, "unexpected_percent": 50.0, "observed_value": observed}
    failed = ExpectationValidationResult(
        success=False,
        expectation_config=ExpectationConfiguration("expect_column_values_to_be_in_set", kwargs, {"why": observed}),
        result={**numbers, "partial_unexpected_list": values, "partial_unexpected_counts": counts},
        exception_info={"raised_exception": False, "exception_traceback": None, "exception_message": None},
    )
    pages = Pages(Settings(var_dir=folder))
    name = pages.add(
        "gold.t",
        1,
        cast(SuiteResult, type("SuiteResult", (), {"results": [failed], "meta": {}})),
        False,
        datetime(2026, 3, 1, tzinfo=UTC),
    )
    pages.build()
    return _Page((folder / "site" / name).read_text())


def test_a_page_shows_names_and_values_as_text(tmp_path: Path) -> None:
    plain = _page(tmp_path / "plain", ["a", "b", "c", "d", "e"], "column", "f")
    page = _page(tmp_path / "hostile", HOSTILE, HOSTILE[0], HOSTILE[1])
    assert page.tags == plain.tags
    assert {*HOSTILE} <= page.texts
