"""A proxy before an S3 store that fails as stores do: errors, slowness, broken connections, before or after the store has acted."""

import asyncio
import json
import random
import subprocess
import sys
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass, field

BEFORE = ("500", "503", "slow", "reset")
AFTER = ("500 after", "reset after")  # the store has done what was asked, and nobody is told
SLOW = 0.7
_ERROR = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>injected</Message></Error>'
_LINES = {b"500": (b"500 Internal Server Error", b"InternalError"), b"503": (b"503 Slow Down", b"SlowDown")}


@dataclass
class Plan:
    """What fails: of every `every` requests of a kind, `burst` in a row, each by a fault drawn from `faults`."""

    every: int = 0  # 0: nothing fails
    burst: int = 3
    faults: tuple[str, ...] = BEFORE + AFTER
    always: str = ""  # a fault of every request
    kinds: tuple[str, ...] = ()  # none: all


def kind_of(method: str, target: str) -> str:
    """The kind of a request, as the tests count them."""
    path, _, query = target.partition("?")
    if method == "GET" and ("list-type" in query or "prefix=" in query):
        return "LIST"
    if method == "POST":
        return "POST multipart" if "uploads" in query or "uploadId" in query else "DELETE"
    if method == "PUT" and "uploadId" in query:
        return "PUT part"
    return method


@dataclass
class Counted:
    """Requests that came, by kind, and those that were made to fail, by kind and fault."""

    seen: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)


class Proxy:
    """The proxy as a process of its own: delta-rs sometimes keeps Python's lock while it waits for an answer."""

    def __init__(self, store: int) -> None:
        self._store = store

    def __enter__(self) -> "Proxy":
        command = [sys.executable, __file__, str(self._store)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)

    def behave(self, plan: Plan) -> Counted:
        """Fail by `plan` from now on, and count anew; what was counted up to now."""
        asked = urllib.request.Request(f"{self.url}{_CONTROL}", json.dumps(asdict(plan)).encode(), method="PUT")
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return Counted(**json.load(answer))


_CONTROL = "/_proxy"


class Server:
    """Listens on a port of loopback and passes on to `store`."""

    def __init__(self, store: int) -> None:
        self.store = store
        self.plan, self.chance = Plan(), random.Random(1)
        self.seen: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    async def listen(self) -> None:
        """Serve until killed; the port is told on standard output."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    def _control(self, body: bytes) -> bytes:
        counted = json.dumps({"seen": self.seen, "failed": self.failed}).encode()
        self.plan = Plan(**json.loads(body))
        self.seen.clear()
        self.failed.clear()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(counted) + counted

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False if the connection ends with it."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        names = _headers(head)
        if names.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:"))
        body = await _body(reader, names)
        if target == _CONTROL:
            writer.write(self._control(body))
            await writer.drain()
            return True
        fault = self._fault(kind_of(method, target))
        if fault == "slow":
            await asyncio.sleep(SLOW)
        elif fault == "reset":
            return False
        elif fault in ("500", "503"):
            return await _answer(writer, fault, method)
        answer = await self._pass_on(method, head + body)
        if fault == "reset after":
            return False
        if fault == "500 after":
            return await _answer(writer, "500", method)
        writer.write(answer)
        await writer.drain()
        return True

    def _fault(self, kind: str) -> str:
        plan = self.plan
        number = self.seen[kind]
        self.seen[kind] += 1
        if plan.kinds and kind not in plan.kinds:
            return ""
        fault = plan.always
        if plan.every and number % plan.every >= plan.every - plan.burst:
            fault = self.chance.choice(plan.faults)
        if fault:
            self.failed[f"{kind}: {fault}"] += 1
        return fault

    async def _pass_on(self, method: str, request: bytes) -> bytes:
        """The store's answer to a request; a connection each: it is the store's faults that are tried, not its speed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.store, limit=2**20)
        try:
            writer.write(request)
            await writer.drain()
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b" 100 " not in head.split(b"\r\n", 1)[0]:
                    break
            bare = method == "HEAD" or head.split(b" ", 2)[1] in (b"204", b"304")
            return head + (b"" if bare else await _body(reader, _headers(head), to_end=True))
        finally:
            writer.close()


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if ":" in line)}


async def _body(reader: asyncio.StreamReader, names: dict[str, str], to_end: bool = False) -> bytes:
    if "content-length" in names:
        return await reader.readexactly(int(names["content-length"]))
    if names.get("transfer-encoding", "").lower() == "chunked":
        pieces = []
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            piece = await reader.readexactly(size + 2)
            pieces += [line, piece]
            if size == 0:
                return b"".join(pieces)
    return await reader.read() if to_end else b""


async def _answer(writer: asyncio.StreamWriter, fault: str, method: str) -> bool:
    line, code = _LINES[fault.encode()]
    body = b"" if method == "HEAD" else _ERROR % code
    writer.write(b"HTTP/1.1 " + line + b"\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    return True


if __name__ == "__main__":
    asyncio.run(Server(int(sys.argv[1])).listen())
