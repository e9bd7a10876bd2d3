"""One S3 server for the tests of this folder, and one Spark server whose lake is on it, behind a proxy that can fail."""

import json
import os
import shutil
from collections.abc import Iterator

import apart
import canary
import pytest
from faulty import Plan, Proxy
from ports import free_ports

from lakehouse import access, machine
from lakehouse.servers import seaweedfs, server
from lakehouse.settings import Settings
from lakehouse.store import s3

_LAKE = ("AWS_ENDPOINT_URL", "LAKE_URL", "SILVER_URL", "GOLD_URL", "VAR_DIR")
_AWS = (
    *_LAKE,
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SECURITY_TOKEN",
)

_CREDENTIALS = {"accessKey": "0123456789abcdef0123", "secretKey": canary.secret("store")}
_ALLOWED = ["Admin", "Read", "Write", "List", "Tagging"]
_READER = {"accessKey": "0123456789abcdefread", "secretKey": "a-secret-of-who-may-read"}
_IDENTITY = {
    "identities": [
        {"name": "comporta", "credentials": [_CREDENTIALS], "actions": _ALLOWED},
        {"name": "reader", "credentials": [_READER], "actions": ["Read", "List"]},
    ]
}
_ONE = {"store": "", "silver_url": "", "gold_url": ""}  # all of a lake in one place


@pytest.fixture(scope="package")
def own_store() -> Iterator[Settings]:
    """Settings with STORE=s3, whose server runs; this process has its credentials."""
    before = {name: os.environ.get(name) for name in _AWS}
    folder = apart.folder("s3")
    port, thrift, connect, ui, database = free_ports(5)
    made = Settings(
        store="s3",
        s3_port=port,
        var_dir=folder,
        thrift_port=thrift,
        connect_port=connect,
        spark_ui_port=ui,
        postgres_port=database,
        spark_memory="2g",
        scale=0.002,
        silver_url="s3://comporta-silver/lake",
        gold_url="s3://comporta-gold/lake",  # as on AWS
    )
    mask = os.umask(access.UMASK)
    try:
        access.keep(seaweedfs._identity(made), json.dumps(_IDENTITY))
        seaweedfs.start(made)
        seaweedfs.adopt(made)
        for name in _LAKE:  # settings, which a test gives itself
            os.environ.pop(name, None)
        yield made
    finally:
        os.umask(mask)
        seaweedfs.stop(made)
    shutil.rmtree(folder, ignore_errors=True)
    s3._clients.clear()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture
def reader() -> dict[str, str]:
    """Credentials, as the environment has them, of who may read and list, and nothing else."""
    return {"AWS_ACCESS_KEY_ID": _READER["accessKey"], "AWS_SECRET_ACCESS_KEY": _READER["secretKey"]}


@pytest.fixture(scope="package")
def proxy(own_store: Settings) -> Iterator[Proxy]:
    """Stands before the store."""
    with Proxy(own_store.s3_port) as made:
        yield made


@pytest.fixture(autouse=True)
def healed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing fails when a test begins, nor after it."""
    yield
    if "proxy" in request.fixturenames:
        request.getfixturevalue("proxy").behave(Plan())


@pytest.fixture(scope="package")
def store(own_store: Settings) -> Settings:
    """Settings of a lake on the store as on any other: by LAKE_URL, AWS_ENDPOINT_URL and credentials in the environment."""
    return own_store.model_copy(update=_ONE | {"lake_url": "s3://comporta/plain"})


@pytest.fixture(scope="package")
def faulty(own_store: Settings, proxy: Proxy) -> Iterator[Settings]:
    """The same lake and its running Spark server, all through the proxy."""
    folder = apart.folder("s3")
    thrift, connect, ui = free_ports(3)
    made = own_store.model_copy(
        update=_ONE
        | {
            "lake_url": "s3://comporta/faulty",
            "aws_endpoint_url": proxy.url,
            "var_dir": folder,
            "thrift_port": thrift,
            "connect_port": connect,
            "spark_ui_port": ui,
        }
    )
    try:
        machine.start(made)
        yield made
    finally:
        server.stop(made)
    shutil.rmtree(folder, ignore_errors=True)
