"""Who hears of a gate: over a real HTTP server and a real mail conversation on loopback."""

import json
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_string
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from expectations import notification
from expectations.verdict import CheckOutcome, Verdict
from lakehouse.settings import Settings

BAD = CheckOutcome(
    1, "expect_column_values_to_be_between", "critical", False, "age", "me", unexpected_count=3, sample=({"id": 3, "age": -777},)
)
FAILED = Verdict("bronze", "crm__people", 3, "failed", "", 2, 2, 1, 1, 0, 4, "hash", (BAD,))
PASSED = Verdict("bronze", "crm__firms", 1, "passed")


class Hook:
    """A web server that keeps what it was sent; `refuse` so many times first."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.refuse, self.asked = 0, 0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.asked += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.asked > hook.refuse:
                    hook.got.append(json.loads(body))
                self.send_response(200 if hook.asked > hook.refuse else 503)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0PSECRET"


class Mailbox(socketserver.StreamRequestHandler):
    """Enough of a mail server to take one letter."""

    letters: list[str]

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            if line.upper().startswith("DATA"):
                self.say("354 go on")
                letter = ""
                while (part := self.rfile.readline().decode()) != ".\r\n":
                    letter += part
                type(self).letters.append(letter)
            self.say("221 bye" if line.upper().startswith("QUIT") else "250 fine")
            if line.upper().startswith("QUIT"):
                return

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def mailbox() -> Iterator[tuple[str, list[str]]]:
    Mailbox.letters = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"smtp://127.0.0.1:{server.server_address[1]}", Mailbox.letters
        server.shutdown()


def test_every_gate_leaves_a_file_for_machines_without_values_of_rows(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    assert notification.tell(settings, "bronze", [FAILED, PASSED]) == []
    text = (settings.site_dir / "quality" / "bronze" / "verdict.json").read_text()
    said = json.loads(text)
    assert (said["layer"], said["passed"], [table["table"] for table in said["tables"]]) == (
        "bronze",
        False,
        ["crm__firms", "crm__people"],
    )
    failed = said["tables"][1]
    assert (failed["verdict"], failed["delta_version"], failed["suite_hash"], failed["rows_seen"]) == ("failed", 3, "hash", 4)
    assert failed["failures"] == [
        {
            "check": "expect_column_values_to_be_between",
            "column": "age",
            "severity": "critical",
            "owner": "me",
            "unexpected_count": 3,
        }
    ]
    assert "777" not in text.replace(said["at"], "")  # a time may have it among its microseconds
    notification.tell(settings, "bronze", [PASSED])
    assert json.loads((settings.site_dir / "quality" / "bronze" / "verdict.json").read_text())["passed"] is True


def test_a_webhook_hears_of_what_did_not_pass_and_only_of_that(tmp_path: Path, hook: Hook) -> None:
    settings = Settings(var_dir=tmp_path, gate_webhook=SecretStr(hook.url))
    notification.tell(settings, "bronze", [PASSED])
    assert hook.got == []
    assert notification.tell(settings, "bronze", [FAILED, PASSED]) == []
    [got] = hook.got
    assert "1 of 2 tables did not pass" in got["text"] and "bronze.crm__people failed" in got["text"]
    assert "(age), critical, 3 rows, owner me" in got["text"]
    assert got["gate"].pop("at") and "777" not in json.dumps(got)  # a time may have it among its microseconds


def test_what_is_told_links_to_the_page_of_the_verdict(tmp_path: Path, hook: Hook) -> None:
    settings = Settings(var_dir=tmp_path, gate_webhook=SecretStr(hook.url), site_url="https://data.example.com/docs/")
    notification.tell(settings, "bronze", [FAILED])
    page = f"verdicts/{FAILED.verdict_id}.html"
    assert hook.got[0]["gate"]["tables"][0]["link"] == f"https://data.example.com/docs/{page}"
    assert f"https://data.example.com/docs/{page}" in hook.got[0]["text"]
    assert notification.summary("bronze", [FAILED])["tables"][0]["link"] == page  # a place within the site, no address


def test_a_webhook_that_is_away_for_a_moment_is_tried_again_and_one_that_stays_away_is_a_warning(
    tmp_path: Path, hook: Hook
) -> None:
    settings = Settings(var_dir=tmp_path, gate_webhook=SecretStr(hook.url))
    hook.refuse = 1
    assert notification.tell(settings, "bronze", [FAILED]) == [] and hook.asked == 2
    hook.asked, hook.refuse = 0, 99
    [problem] = notification.tell(settings, "bronze", [FAILED])
    assert "GATE_WEBHOOK" in problem and "T0PSECRET" not in problem and hook.asked == 3


def test_a_mail_tells_the_same(tmp_path: Path, mailbox: tuple[str, list[str]]) -> None:
    url, letters = mailbox
    settings = Settings(var_dir=tmp_path, gate_mail_to="data@example.com", smtp_url=SecretStr(url))
    assert notification.tell(settings, "gold", [FAILED]) == []
    letter = message_from_string(letters[0], policy=default)
    assert letter["Subject"] == "Comporta: the gold gate did not pass" and letter["To"] == "data@example.com"
    assert "crm__people failed" in letter.get_content()


def test_a_password_is_not_sent_to_a_mail_server_without_tls(tmp_path: Path, mailbox: tuple[str, list[str]]) -> None:
    url, letters = mailbox
    settings = Settings(var_dir=tmp_path, gate_mail_to="a@b.c", smtp_url=SecretStr(url.replace("//", "//me:hunter2@")))
    [problem] = notification.tell(settings, "gold", [FAILED])
    assert "GATE_MAIL_TO" in problem and "hunter2" not in problem and letters == []


def test_a_mail_without_a_server_is_a_warning(tmp_path: Path) -> None:
    assert "SMTP_URL is not set" in notification.tell(Settings(var_dir=tmp_path, gate_mail_to="a@b.c"), "gold", [FAILED])[0]


def test_a_webhook_is_told_names_as_text(tmp_path: Path, hook: Hook) -> None:
    settings = Settings(var_dir=tmp_path, gate_webhook=SecretStr(hook.url))
    name = "<!channel> <https://e.example|open> a & b"
    notification.tell(settings, "bronze", [Verdict("bronze", name, 3, "failed", name)])
    [got] = hook.got
    assert "&lt;!channel&gt; &lt;https://e.example|open&gt; a &amp; b" in got["text"] and "<" not in got["text"]
    assert got["gate"]["tables"][0]["table"] == name
