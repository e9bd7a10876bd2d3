"""What the Spark server asks of who comes to it, over Connect and over Thrift: a token, which stands in a file of its owner's.

It runs what it is asked to, Python too. On loopback any user of this machine could ask.
"""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import access, redaction
from lakehouse.errors import ServerError
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import grpc
    from pyspark.sql.connect.client.core import DefaultChannelBuilder

REFUSED = "Error validating the login"  # what the Thrift server says of a wrong token; Connect's is a status of its own


def file(settings: Settings) -> Path:
    """Where the token is kept."""
    return settings.var_dir / "run" / "spark.token"


def token(settings: Settings) -> str:
    """SPARK_TOKEN, else what is in the file, which is made on the first call.

    Raises:
        ServerError: the file is another user's.
    """
    if settings.spark_token:
        return settings.spark_token.get_secret_value()
    path = file(settings)
    try:
        known = path.read_text(encoding="utf-8") if path.exists() else access.keep(path, secrets.token_urlsafe(32))
    except PermissionError:
        raise ServerError(
            str(path), "can't be read", "the server's token", "Ask whose server it is, and put the token into SPARK_TOKEN"
        ) from None
    redaction.know(known)
    return known


def refused(settings: Settings) -> ServerError:
    """What is said where the server lets nobody in with our token."""
    where = "SPARK_TOKEN" if settings.spark_token else str(file(settings))
    return ServerError(
        "Spark server",
        f"refuses the token of {where}",
        "the one that it was started with",
        "Set VAR_DIR and SPARK_TOKEN as they were when it was started, or start it anew: make down up",
    )


def for_java(settings: Settings) -> list[str]:
    """Options of the server's Java: where its token is. Not the token, which everybody could read there."""
    path, known = file(settings), token(settings)
    if settings.spark_token:
        path.unlink(missing_ok=True)
        access.keep(path, known)
    return [f"-Dcomporta.token={path}"]


def for_thrift() -> list[str]:
    """Arguments of the Thrift server."""
    named = {"authentication": "CUSTOM", "custom.authentication.class": "comporta.TokenAuthentication"}
    return [part for name, value in named.items() for part in ("--hiveconf", f"hive.server2.{name}={value}")]


def channel(settings: Settings) -> "grpc.ChannelCredentials":
    """Credentials of a channel to Connect; the token is sent to loopback alone."""
    import grpc

    return grpc.composite_channel_credentials(grpc.local_channel_credentials(), grpc.access_token_call_credentials(token(settings)))


def channel_builder(settings: Settings) -> "DefaultChannelBuilder":
    """What makes the channels of a session of Spark Connect. By an address: not every machine knows the name `localhost`."""
    from pyspark.sql.connect.client.core import DefaultChannelBuilder

    class Loopback(DefaultChannelBuilder):  # type: ignore[misc]
        def toChannel(self) -> "grpc.Channel":  # noqa: N802 - its name
            return self._secure_channel(self.endpoint, channel(settings))

    return Loopback(f"sc://127.0.0.1:{settings.connect_port}")


def for_connect(settings: Settings) -> dict[str, str]:
    """Variables of the server's environment, which nobody else may read."""
    return {"SPARK_CONNECT_AUTHENTICATE_TOKEN": token(settings)}
