"""What this machine's network asks of whoever opens a connection: an authority of its own, and no proxy before loopback."""

import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# OpenSSL, Go, uv and Java (by `authorities`) follow SSL_CERT_FILE; these look at a variable of their own alone.
SAME_FILE = ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")
_BY_PROXY = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
PROXIES = frozenset(name for each in (*_BY_PROXY, "no_proxy") for name in (each, each.upper()))
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def variables(known: Mapping[str, str]) -> dict[str, str]:
    """What has to be added to the environment `known`, so that all of it says the same; what it says already stands.

    A company's authority in SSL_CERT_FILE alone reaches each downloader. Where there is a proxy, our own servers on loopback are
    asked without it: gRPC, boto3 and requests would else send it even what is for 127.0.0.1.
    """
    added: dict[str, str] = {}
    if Path(known.get("SSL_CERT_FILE") or os.devnull).is_file():
        added |= {name: known["SSL_CERT_FILE"] for name in SAME_FILE if not known.get(name)}
    if any(known.get(name) for each in _BY_PROXY for name in (each, each.upper())):
        direct = [each for name in ("no_proxy", "NO_PROXY") for each in known.get(name, "").split(",") if each.strip()]
        whole = ",".join(dict.fromkeys([*direct, *_LOOPBACK]))
        added |= {name: whole for name in ("no_proxy", "NO_PROXY") if "*" not in direct}
    return added


def adopt() -> None:
    """Add `variables` to this process's environment, and so to its children's."""
    os.environ |= variables(os.environ)


def authorities() -> list[bytes]:
    """Certificates of the authorities that this machine trusts, DER; those of a folder of them too, which OpenSSL reads when asked."""
    context, places = ssl.create_default_context(), ssl.get_default_verify_paths()
    for path in Path(places.capath).iterdir() if places.capath else ():
        with suppress(OSError, ssl.SSLError):  # no certificate
            context.load_verify_locations(path)
    return context.get_ca_certs(binary_form=True)
