"""Certificates of the tests' own, and a front of TLS before a server that speaks none."""

import datetime
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_GSS, _SSL = 80877104, 80877103  # what a PostgreSQL client may ask for before it says anything else
_DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates of servers.

    Attributes:
        path: its own certificate, PEM.
    """

    def __init__(self, folder: Path, name: str = "a company") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = folder / "ca.pem"
        built = self._builder(self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self._write(self.path, built.sign(self._key, hashes.SHA256()))

    def server(self, *names: str) -> ssl.SSLContext:
        """What a server speaks TLS with whose certificate is for `names`: of hosts, or addresses."""
        key, path = ec.generate_private_key(ec.SECP256R1()), self._folder / "server.pem"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
        built = self._builder(subject, key.public_key()).add_extension(alternatives, critical=False)
        self._write(path, built.sign(self._key, hashes.SHA256()))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(path.read_bytes() + key.private_bytes(*form))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        return made.serial_number(x509.random_serial_number()).not_valid_before(now - _DAY).not_valid_after(now + _DAY)

    @staticmethod
    def _write(path: Path, certificate: x509.Certificate) -> None:
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Front(socketserver.ThreadingTCPServer):
    """Speaks TLS as PostgreSQL does, and hands what it hears to the server on `behind`, which was built without.

    Attributes:
        heard: of each connection, whether the client said anything once it had seen the certificate.
    """

    daemon_threads = True

    def __init__(self, behind: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.behind, self.context, self.heard = behind, context, list[bool]()
        self.port = int(self.server_address[1])


class _Talk(socketserver.BaseRequestHandler):
    server: Front

    def handle(self) -> None:
        with suppress(OSError):
            while (asked := struct.unpack("!ii", self.request.recv(8, socket.MSG_WAITALL))[1]) == _GSS:
                self.request.sendall(b"N")
            assert asked == _SSL, "the client did not ask for TLS"
            self.request.sendall(b"S")
            self.server.heard.append(False)
            place = len(self.server.heard) - 1
            client = self.server.context.wrap_socket(self.request, server_side=True)
            first = client.recv(65536)
            self.server.heard[place] = bool(first)
            with socket.create_connection(("127.0.0.1", self.server.behind)) as behind:
                behind.sendall(first)
                threading.Thread(target=_pass, args=(behind, client), daemon=True).start()
                _pass(client, behind)


def _pass(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_RDWR)


@contextmanager
def front(behind: int, context: ssl.SSLContext) -> Iterator[Front]:
    """A running front."""
    with Front(behind, context) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()
