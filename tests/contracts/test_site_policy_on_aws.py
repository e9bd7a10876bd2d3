"""CloudFront sends the headers that the site's own server sends."""

import re

import pytest

from lakehouse.pages import policy
from lakehouse.settings import ROOT

_MODULE = (ROOT / "terraform/modules/site/main.tf").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name, path", [("pages", "verdicts/index.html"), ("quality", "quality/index.html"), ("dbt", "dbt/index.html")]
)
def test_cloudfront_says_what_the_server_says(name: str, path: str) -> None:
    [said] = re.findall(rf'^    {name} += "(default-src .*)"$', _MODULE, re.MULTILINE)
    sent = policy.headers(path)
    assert said == sent["Content-Security-Policy"]
    assert f'referrer_policy = "{sent["Referrer-Policy"]}"' in _MODULE and f'frame_option = "{sent["X-Frame-Options"]}"' in _MODULE


def test_every_folder_with_a_policy_of_its_own_has_a_behaviour() -> None:
    own = set(policy._OF_FOLDERS)
    [listed] = re.findall(r"for_each = toset\(\[(.*)\]\)", _MODULE)
    assert set(re.findall(r'"(\w+)"', listed)) == own
