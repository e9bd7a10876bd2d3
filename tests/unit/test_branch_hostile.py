"""What a branch changes, told in Markdown and HTML: names and values of a database stay text in both."""

import re
from html import unescape

from markdown_it import MarkdownIt

from expectations.verdict import CheckOutcome, Verdict
from inspection.diff import Example, TableDifference
from workspaces import branch
from workspaces.dev import DevSchemas

HOSTILE = (
    "<script>x</script> <img src=//e.example> ![i](http://e.example) [l](javascript:x) @team `c` | **b** &amp; <!-- \\ \x1b[2J ~s~"
)
TOLD = HOSTILE.replace("\x1b", r"\u001b")


def _changed() -> branch.ModelChange:
    outcome = CheckOutcome(0, f"check {HOSTILE}", "critical", False, column=HOSTILE, error=HOSTILE)
    verdict = Verdict("gold", "fct_a", 1, "failed", failures=(outcome,))
    example = Example("changed", {HOSTILE: HOSTILE}, (HOSTILE,), {HOSTILE: ("1", "<b>2")})
    difference = TableDifference(
        "fct_a",
        "changed",
        1,
        2,
        (HOSTILE,),
        1,
        1,
        0,
        columns=(HOSTILE,),
        changed_columns={HOSTILE: 3},
        note=HOSTILE,
        examples=(example,),
    )
    return branch.ModelChange("gold", "fct_a", HOSTILE, difference, (f"promises {HOSTILE}",), verdict, part=HOSTILE)


def test_branch_hostile_names_stay_text_in_markdown() -> None:
    text = branch.report([_changed()], DevSchemas("ana"), "branch.md")
    assert "@team" not in re.sub(r"`[^`]*`", "", text)  # a mention would tell people
    page = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    assert set(re.findall(r"<(\w+)", page)) <= {
        "h2",
        "h3",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "li",
        "code",
        "p",
        "strong",
    }
    assert "<strong>b" not in page
    [head, *rows] = re.findall(r"<tr>(.*?)</tr>", page, re.S)
    assert [row.count("<td") for row in rows] == [head.count("<th")]
    plain = unescape(re.sub(r"</?[a-z]\w*[^>]*>", "", page))
    for line in (f"{TOLD} 3", f"contract: promises {TOLD}", f"{TOLD}={TOLD}"):
        assert line in plain
    assert plain.count(TOLD.replace("`", "'")) == 4  # between backticks, where none can stand


def test_branch_hostile_names_stay_text_in_html() -> None:
    page = branch.report([_changed()], DevSchemas("ana"), "branch.html")
    assert "<script>x" not in page and "<img" not in page and "<b>2" not in page and "javascript:x)" in page


def test_a_page_of_a_branch_runs_no_script() -> None:
    page = branch.report([_changed()], DevSchemas("ana"), "branch.html")
    assert page.index('<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src') < page.index("<style>")
