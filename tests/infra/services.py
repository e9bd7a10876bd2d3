"""What is elsewhere on AWS, in a namespace of its own: S3, the source, and the metadata of machines. Ends when its input does.

python services.py folder address scale
"""

import json
import os
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection, create_server, socket
from threading import Thread

from infra.namespaces import METADATA

from lakehouse.servers import postgres, seaweedfs
from lakehouse.settings import Settings
from samples.shop.load import load

S3, SOURCE = 8333, 5432


def main(folder: str, address: str, scale: str) -> None:
    """Start all, say how they are reached, wait, stop all."""
    settings = Settings(
        store="s3",
        s3_port=18_333,
        postgres_port=15_432,
        var_dir=Path(folder),
        lake_url="s3://comporta/lake",
        silver_url="s3://comporta-silver/lake",
        gold_url="s3://comporta-gold/lake",
    )
    database = postgres.of(settings)
    try:
        seaweedfs.start(settings)
        seaweedfs.adopt(settings)
        database.start()
        dsn = database.create_database("shop")
        load(dsn, float(scale))
        for outer, inner in ((S3, 18_333), (SOURCE, 15_432)):
            Thread(target=_forward, args=(address, outer, inner), daemon=True).start()
        Thread(target=ThreadingHTTPServer((METADATA, 80), _Metadata).serve_forever, daemon=True).start()
        keys = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")}
        places = {f"{name.upper()}": value for name, value in settings.where().items()}
        where = {
            "AWS_ENDPOINT_URL": f"http://{address}:{S3}",
            "SOURCE_DSN": dsn.replace("127.0.0.1:15432", f"{address}:{SOURCE}") + "?sslmode=disable",
        }
        print(json.dumps(keys | places | where), flush=True)
        sys.stdin.read()
    finally:
        database.stop()
        seaweedfs.stop(settings)


class _Metadata(BaseHTTPRequestHandler):
    """Says what must not be read."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"credentials of the machine")

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _forward(address: str, outer: int, inner: int) -> None:
    """What listens on loopback is reached at `address`: both are, as they are, for a laptop's loopback only."""
    with create_server((address, outer), backlog=128) as listener:
        while True:
            outside, _ = listener.accept()
            try:
                inside = create_connection(("127.0.0.1", inner))
            except OSError:  # it has ended, or not begun
                outside.close()
                continue
            for source, target in ((outside, inside), (inside, outside)):
                Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket, target: socket) -> None:
    with closing(target):
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
