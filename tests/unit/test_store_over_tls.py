"""A store whose certificate nobody vouches for is asked for nothing, by none of those who read the lake."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority

from lakehouse.settings import ROOT

_SETTINGS = """
import sys, duckdb
from deltalake import DeltaTable
from lakehouse import network
from lakehouse.engines import duck
from lakehouse.store import s3, storage
from lakehouse.settings import Settings
network.adopt()
settings = Settings(lake_url="s3://b/lake", aws_endpoint_url=sys.argv[1], var_dir=sys.argv[2])
"""
_CLIENTS = {
    "boto3": "s3.client(settings, attempts=1).head_bucket(Bucket='b')",
    "delta-rs": "DeltaTable('s3://b/t', storage_options=storage.options(settings) | {'max_retries': '0'})",
    "DuckDB": "reader = duckdb.connect(config=duck.UNSIGNED); duck.reach(reader, settings); reader.execute('set http_retries = 0')\n"
    "reader.execute(\"select * from read_parquet('s3://b/t.parquet')\")",
}


class Store(ThreadingHTTPServer):
    """Answers that it has nothing; `asked` is what it could read."""

    asked: list[str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not like the certificate goes."""


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "company's")


@pytest.fixture
def store(authority: Authority) -> Iterator[Store]:
    with Store(("127.0.0.1", 0), _Empty) as server:
        server.asked = []
        server.socket = authority.server("127.0.0.1").wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("client", _CLIENTS)
def test_a_store_is_asked_only_if_its_authority_is_known(client: str, store: Store, authority: Authority, tmp_path: Path) -> None:
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    plain |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "not a secret", "AWS_REGION": "us-east-1"}

    def ask(**more: str) -> str:
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            _SETTINGS + _CLIENTS[client],
            f"https://127.0.0.1:{store.server_port}",
            str(tmp_path),
        ]
        done = subprocess.run(command, env=plain | more, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode != 0, "there is nothing in it"
        return done.stderr

    assert "ertificate" in ask() and store.asked == []
    ask(SSL_CERT_FILE=str(authority.path))
    assert store.asked
