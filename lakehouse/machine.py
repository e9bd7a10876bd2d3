"""This machine's part of a lake: a command's settings, the servers brought up, the write lock taken. Where commands begin."""

from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.servers import seaweedfs
from lakehouse.settings import Settings
from lakehouse.settings import load as from_environment
from lakehouse.store import lock, storage


def load() -> Settings:
    """Settings of this process, which with STORE=s3 is pointed at the S3 server of this machine.

    Raises:
        SettingsError: as `lakehouse.settings.load`.
    """
    found = from_environment()
    if found.store:
        seaweedfs.adopt(found)
    return found


def start(settings: Settings, mend: bool = False) -> bool:
    """Start the Spark server, and what it needs, with a catalog that knows the layers; False if it ran already and answers.

    Raises:
        ServerError, StorageError: as `lakehouse.servers.server.start`.
    """
    from lakehouse.servers import server  # with pyspark and pyarrow, which dbt does not wait for
    from lakehouse.tables import schemas

    return server.start(settings, schemas.create, mend)


def check(settings: Settings) -> None:
    """Refuse early a lake that can't be written.

    Raises:
        StorageError: as `lakehouse.store.storage.check`.
    """
    seaweedfs.start(settings)
    storage.check(settings)


@contextmanager
def writing(settings: Settings, what: str) -> Iterator[None]:
    """Hold the lake's write lock while `what` runs. Whoever loses the lease of a lake on S3 loses the Spark server with it.

    Raises:
        LockError, ReadOnlyError, StorageError: as `lakehouse.store.lock.writing`.
    """
    from lakehouse.servers import health  # with Thrift, which the image that uploads has not

    seaweedfs.start(settings)
    with lock.writing(settings, what, lost=lambda: health.cut_off(settings)):
        yield
