"""Who hears of a gate: a file for machines, and where a table did not pass a webhook and an e-mail.

No value of a row leaves in them: samples are in the ledger and on the page, whose readers are known.
"""

import json
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from expectations.verdict import CheckOutcome, Verdict
from lakehouse import atomic
from lakehouse.pages import address
from lakehouse.redaction import first_line
from lakehouse.settings import Settings

_TIMEOUT = 10  # seconds
_UNTRUSTED = re.compile(r"certificate verify failed: ([^(\"]+)")  # the reason, as OpenSSL gives it
_TOLD = ("check", "column", "severity", "owner", "where", "unexpected_count", "why", "error", "quarantined")


def tell(settings: Settings, layer: str, verdicts: Sequence[Verdict]) -> list[str]:
    """Write `quality/<layer>/verdict.json`; if a table did not pass, send what is set up.

    Returns:
        what could not be sent, each in a line. It is no reason to fail a gate, nor to pass one.
    """
    said = summary(layer, verdicts, settings.site_url)
    _write(settings.site_dir / "quality" / layer / "verdict.json", said)
    if said["passed"]:
        return []
    problems = []
    for name, send in (("GATE_WEBHOOK", _post), ("GATE_MAIL_TO", _mail)):
        if getattr(settings, name.lower()):
            try:
                _patiently(lambda send=send: send(settings, said))  # type: ignore[misc]
            except Exception as error:
                problems.append(f"{name}: nobody was told: {_reason(name, error)}")
    return problems


def _reason(name: str, error: Exception) -> str:
    if found := _UNTRUSTED.search(str(error)):
        return f"the server's certificate is not trusted here: {found[1].strip()}. Set SSL_CERT_FILE to its authority's certificate"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return (
            f"{first_line(error).rstrip('.')}. A password goes over TLS only: wanted is smtps://, or a server that offers STARTTLS"
        )
    return first_line(error) if name != "GATE_WEBHOOK" else type(error).__name__  # its address is the secret


def summary(layer: str, verdicts: Sequence[Verdict], site: str | None = None) -> dict[str, Any]:
    """What became of a gate, as plain data; `site` is where people open the docs site (None: links are relative to it)."""
    same = (
        "table",
        "verdict",
        "reason",
        "delta_version",
        "suite_hash",
        "declared",
        "ran",
        "rows_seen",
        "quarantined",
        "page",
        "unchanged",
    )
    tables = [
        {name: getattr(verdict, name) for name in same}
        | {"link": _link(verdict, site)}
        | {"failures": [_failure(outcome) for outcome in verdict.failures]}
        for verdict in sorted(verdicts, key=lambda verdict: verdict.table)
    ]
    return {
        "layer": layer,
        "at": datetime.now(UTC).isoformat(),
        "passed": all(verdict.ok for verdict in verdicts),
        "tables": tables,
    }


def _link(verdict: Verdict, site: str | None) -> str | None:
    page = address.of_verdict(verdict.verdict_id) if verdict.verdict_id else None
    return f"{site.rstrip('/')}/{page}" if site and page else page


def _failure(outcome: CheckOutcome) -> dict[str, Any]:
    return {name: value for name, value in outcome.record().items() if name in _TOLD}


def _write(path: Path, said: dict[str, Any]) -> None:
    atomic.write(path, json.dumps(said, indent=1, ensure_ascii=False) + "\n")


def message(said: dict[str, Any]) -> str:
    """A few lines for people."""
    bad = [table for table in said["tables"] if table["verdict"] != "passed"]
    lines = [f"{said['layer']} gate: {len(bad)} of {len(said['tables'])} tables did not pass. Nothing was promoted."]
    for table in bad:
        lines.append(f"✗ {said['layer']}.{table['table']} {table['verdict']}" + (f": {table['reason']}" if table["reason"] else ""))
        for failure in table["failures"]:
            count = f", {failure['unexpected_count']} rows" if "unexpected_count" in failure else ""
            column = f"({failure['column']})" if "column" in failure else ""
            lines.append(f"    {failure['check']}{column}, {failure['severity']}{count}, owner {failure.get('owner', '–')}")
        if urlsplit(table["link"] or "").scheme:
            lines.append(f"    {table['link']}")
    return "\n".join(lines)


def _post(settings: Settings, said: dict[str, Any]) -> None:
    import requests

    assert settings.gate_webhook
    text = escape(message(said), quote=False)  # to Slack <!channel> in a name is a call, and <address|word> a link
    answer = requests.post(settings.gate_webhook.get_secret_value(), json={"text": text, "gate": said}, timeout=_TIMEOUT)
    answer.raise_for_status()


def _mail(settings: Settings, said: dict[str, Any]) -> None:
    if not settings.smtp_url:
        raise ValueError("SMTP_URL is not set")
    parts = urlsplit(settings.smtp_url.get_secret_value())
    mail = EmailMessage()
    mail["Subject"] = f"Comporta: the {said['layer']} gate did not pass"
    mail["From"] = settings.gate_mail_from or f"comporta@{socket.gethostname()}"
    mail["To"] = settings.gate_mail_to
    mail.set_content(message(said))
    host, port, trusted = parts.hostname or "localhost", parts.port or 0, ssl.create_default_context()
    secure = parts.scheme == "smtps"
    with (
        smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT, context=trusted)
        if secure
        else smtplib.SMTP(host, port, timeout=_TIMEOUT) as server
    ):
        if parts.username:
            if not secure:
                server.starttls(context=trusted)  # a password goes to nobody who only says that he is the server
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(mail)


def _passing(error: BaseException) -> bool:
    """Whether it may be over in a moment; a certificate stays what it is, and so does a server that offers no TLS."""
    return isinstance(error, OSError) and not isinstance(error, smtplib.SMTPNotSupportedError) and not _UNTRUSTED.search(str(error))


def _patiently(send: Callable[[], None]) -> None:
    for attempt in Retrying(
        stop=stop_after_attempt(3), wait=wait_exponential(max=5), retry=retry_if_exception(_passing), reraise=True
    ):
        with attempt:
            send()
