"""A static server of the site for this machine only."""

import os
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lakehouse import console
from lakehouse.errors import ServerError
from lakehouse.pages import policy
from lakehouse.settings import Settings


class _Handler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        """Ask the browser to look again each time, since the page is rebuilt after every run; say what a page may do."""
        self.send_header("Cache-Control", "no-cache")
        file = self.translate_path(getattr(self, "path", "/"))  # a request that is none has no path
        for name, value in policy.headers(os.path.relpath(file, self.directory)).items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet: a line per file is noise in a terminal that says where to look."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # Ctrl-C does not wait for a browser that keeps its connection

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away in the middle is no error; anything else is a line."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            console.warn(f"The site could not answer: {error!r}")


def server(settings: Settings) -> ThreadingHTTPServer:
    """A server of the site, bound to loopback and not started.

    Raises:
        ServerError: the port is taken, or there is no site yet.
    """
    if not (settings.site_dir / "index.html").is_file():
        raise ServerError(str(settings.site_dir), "has no index.html", "a built site", "Run `make site`")
    try:
        return _Server(("127.0.0.1", settings.site_port), partial(_Handler, directory=str(settings.site_dir)))
    except OSError as error:
        seen = f"can't be used: {error.strerror}"
        raise ServerError(f"port {settings.site_port}", seen, "a free port", "Set SITE_PORT to another one") from None


def serve(settings: Settings) -> None:
    """Serve the site on SITE_PORT until Ctrl-C.

    Raises:
        ServerError: the port is taken, or there is no site yet.
    """
    with server(settings) as running:
        console.out.print(f"Site: http://127.0.0.1:{settings.site_port}/ (Ctrl-C stops it)")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            return
