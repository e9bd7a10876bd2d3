"""Messages of a gate over TLS: a server that nobody vouches for is told nothing, one whose authority is known is told all."""

import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from certificates import Authority
from pydantic import SecretStr

from expectations import notification
from expectations.verdict import Verdict
from lakehouse import network
from lakehouse.settings import Settings

FAILED = Verdict("bronze", "crm__people", 3, "failed", "")
PASSWORD = "Jm4-xQ!9 ;)'@"
Start = Callable[..., "Server"]


class Server(socketserver.ThreadingTCPServer):
    """A mail server that speaks TLS from the start, after STARTTLS, or not at all; `said` is what it could read."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None, at_once: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.context, self.at_once, self.said, self.asked = context, at_once, list[str](), 0

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not like the certificate goes."""


class _Mail(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.server.asked += 1
        if self.server.at_once:
            self.encrypt()
        self.say("220 here")
        while line := self.rfile.readline().decode():
            self.server.said.append(line.strip())
            word = line.strip().upper()
            offered = self.server.context and not isinstance(self.connection, ssl.SSLSocket)
            if word.startswith("EHLO"):
                self.say("250-here\r\n250 STARTTLS" if offered else "250-here\r\n250 AUTH PLAIN")
            elif word == "STARTTLS":
                self.say("220 go on")
                self.encrypt()
            elif word == "DATA":
                self.say("354 go on")
            elif word == "QUIT":
                self.say("221 bye")
            elif word.startswith(("MAIL", "RCPT", "RSET")) or word == ".":
                self.say("250 fine")
            elif word.startswith("AUTH"):
                self.say("235 welcome")

    def encrypt(self) -> None:
        assert self.server.context
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)  # type: ignore[assignment]

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "company")


@pytest.fixture
def start(authority: Authority) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(scheme: str, name: str = "127.0.0.1") -> Server:
            context = None if scheme == "plain" else authority.server(name)
            return stack.enter_context(_running(Server(context, scheme == "smtps")))

        yield started


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def told(folder: Path, server: Server, scheme: str) -> list[str]:
    url = f"{scheme}://me:{quote(PASSWORD, safe='')}@127.0.0.1:{server.server_address[1]}"
    return notification.tell(Settings(var_dir=folder, gate_mail_to="a@b.c", smtp_url=SecretStr(url)), "gold", [FAILED])


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_a_mail_server_that_nobody_vouches_for_is_told_nothing(scheme: str, tmp_path: Path, start: Start) -> None:
    server = start(scheme)
    [problem] = told(tmp_path, server, scheme)
    assert "GATE_MAIL_TO: nobody was told: the server's certificate is not trusted here: " in problem, problem
    assert "Set SSL_CERT_FILE" in problem and "Jm4" not in problem and quote(PASSWORD, safe="") not in problem
    assert not any("crm__people" in line or line.startswith(("AUTH", "MAIL")) for line in server.said), server.said
    assert server.asked == 1, "a certificate does not get better by asking again"


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_a_mail_server_of_another_name_is_told_nothing(
    scheme: str, tmp_path: Path, start: Start, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    server = start(scheme, "mail.example")
    [problem] = told(tmp_path, server, scheme)
    assert "not trusted here: IP address mismatch" in problem and not any("AUTH" in line for line in server.said)


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_a_mail_server_whose_authority_is_named_gets_the_letter(
    scheme: str, tmp_path: Path, start: Start, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    server = start(scheme)
    assert told(tmp_path, server, scheme) == []
    assert any(line.startswith("AUTH PLAIN") for line in server.said) and any("crm__people" in line for line in server.said)
    assert ("STARTTLS" in server.said) == (scheme == "smtp")


def test_a_password_is_not_for_a_server_that_offers_no_tls(tmp_path: Path, start: Start) -> None:
    server = start("plain")
    [problem] = told(tmp_path, server, "smtp")
    assert "wanted is smtps://, or a server that offers STARTTLS" in problem and "Jm4" not in problem
    assert not any(line.startswith(("AUTH", "MAIL")) for line in server.said) and server.asked == 1


def test_a_webhook_that_nobody_vouches_for_is_told_nothing(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.socket = authority.server("127.0.0.1").wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = Settings(var_dir=tmp_path, gate_webhook=SecretStr(f"https://127.0.0.1:{server.server_port}/services/T0PSECRET"))
        [problem] = notification.tell(settings, "bronze", [FAILED])
        assert "GATE_WEBHOOK: nobody was told: the server's certificate is not trusted here: " in problem
        assert "T0PSECRET" not in problem and got == []
        for name, value in network.variables({"SSL_CERT_FILE": str(authority.path)}).items():
            monkeypatch.setenv(name, value)
        assert notification.tell(settings, "bronze", [FAILED]) == [] and b"crm__people" in got[0]
        server.shutdown()
