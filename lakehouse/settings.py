"""Settings: read once from the environment (or `.env`), validated, frozen and passed down."""

import re
from itertools import permutations
from pathlib import Path
from typing import Self

from dotenv import dotenv_values
from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from lakehouse import access, env_file, network, redaction
from lakehouse.errors import SettingsError
from lakehouse.raw_pattern import DEFAULT, RawPattern

ROOT = Path(__file__).resolve().parent.parent
OWN_STORE = "s3"  # of VAR_DIR: where the state of STORE=s3 is
# What a folder may not have in its path: delta-rs takes `%41` for an `A`, the metastore's address ends at `;`, and the rest is no URL.
_NO_PATH = re.compile(r"[\\|^\[\];\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")
_SHORTEST = 16  # characters of a secret that whoever reaches a port may guess at
# Variables that no child process is told.
SECRETS = frozenset({"SOURCE_DSN", "PGPASSWORD", "GATE_WEBHOOK", "SMTP_URL", "SPARK_TOKEN", "SPARK_SECRET"})


class Settings(BaseSettings):
    """Every setting of Comporta; the environment variable is the field's name in capitals."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # The description, the default and the bounds are the table in docs/reference.md (docs/reference.py writes it; "shown" stands there
    # for a default that follows from something else), and docs/reference.pt-BR.yml says each in Portuguese.
    source_dsn: SecretStr | None = Field(
        None,
        description="PostgreSQL to copy, as `postgresql://user@host/db`, never printed."
        " Off this machine its certificate and name are verified ([TLS](ingestion.md#tls))",
    )
    source_name: str | None = Field(
        None, description="prefix of its bronze tables", json_schema_extra={"shown": "the database's name"}
    )
    source_connections: int = Field(
        2, ge=1, le=64, description="connections that tasks may open to the source at once; one more holds the snapshot"
    )
    source_patience: int = Field(60, ge=0, description="seconds to keep trying when the source is away or breaks off")
    source_timeout: int = Field(3600, ge=0, description="seconds that one statement may take at the source; 0: no limit")
    retention_days: int = Field(7, ge=1, description="days for which files that bronze no longer needs are kept")
    kept_releases: int = Field(10, ge=1, description="releases of a layer that can be rolled back to")
    release_grace: float = Field(
        1.0, ge=0, le=60, description="seconds that a query may take from its start to its plan while a release is on"
    )
    kept_pages: int = Field(
        100, ge=1, description="pages of Great Expectations that are kept of a table, besides those of kept releases"
    )
    gate_webhook: SecretStr | None = Field(
        None, description="where a gate that did not pass is posted as JSON (Slack's incoming webhook will do)"
    )
    gate_mail_to: str | None = Field(None, description="who gets an e-mail of it")
    gate_mail_from: str | None = Field(None, description="its sender", json_schema_extra={"shown": "`comporta@<host>`"})
    smtp_url: SecretStr | None = Field(None, description="the mail server, `smtps://user:password@host:465` or `smtp://host:25`")
    site_url: str | None = Field(None, description="where people open the docs site: messages then link to the verdict")
    store: str = Field(
        "",
        pattern="^(s3)?$",
        description="`s3`: the lake is on an S3 server of this machine, which starts and stops with the others ([on S3](#on-s3))",
    )
    lake_url: str = Field(
        "",
        description="where tables live: a folder or `s3://bucket/prefix` ([on S3](#on-s3))",
        json_schema_extra={"shown": "`VAR_DIR/lake`; with `STORE=s3` `s3://comporta/lake`"},
    )
    silver_url: str = Field(
        "",
        description="where silver's tables live, if apart: another folder, or another bucket of the same store",
        json_schema_extra={"shown": "in `LAKE_URL`"},
    )
    gold_url: str = Field("", description="the same for gold", json_schema_extra={"shown": "in `LAKE_URL`"})
    raw_pattern: str = Field(
        DEFAULT,
        description="where in `LAKE_URL` a file goes that `make upload` takes; `{source:title}`, `{format:upper}` write a name in"
        " another case ([upload](upload.md#the-place))",
    )
    aws_endpoint_url: str | None = Field(None, description="an S3-compatible store other than AWS")
    glue_prefix: str | None = Field(
        None,
        pattern="^[a-z][a-z0-9_]*$",
        description="register what is released in Glue's `<prefix>_silver` and `<prefix>_gold`, for [Athena](athena.md);"
        " wants a lake on S3",
    )
    spark_master: str = Field(
        "local[*]",
        description="where Spark runs its tasks: `local[*]`, `spark://host:7077`, `yarn`, `k8s://…` ([thin](limits.md))",
    )
    spark_secret: SecretStr | None = Field(
        None,
        description="what a standalone cluster of `SPARK_MASTER` knows its own by (`spark.authenticate`), the same everywhere"
        " ([on a cluster](operations.md#on-a-cluster))",
    )
    spark_memory: str = Field("3g", pattern=r"^\d+[mg]$", description="heap of the Spark server, in `m` or `g`")
    spark_token: SecretStr | None = Field(
        None,
        description="what the Spark server asks of who comes to it over Thrift or Connect",
        json_schema_extra={"shown": "one of its own, in `VAR_DIR/run/spark.token`"},
    )
    extra_jars: str = Field("", description="more jars for the Spark server's class path, separated by colons")
    thrift_port: int = Field(10000, ge=1, le=65535, description="Thrift: dbt, beeline, BI tools")
    connect_port: int = Field(15002, ge=1, le=65535, description="Spark Connect: ingestion, gates, notebooks")
    spark_ui_port: int = Field(4040, ge=1, le=65535, description="Spark's own web page")
    postgres_port: int = Field(54320, ge=1, le=65535, description="the demo's PostgreSQL")
    s3_port: int = Field(8333, ge=1, le=65535, description="the S3 server of `STORE=s3`")
    site_port: int = Field(8080, ge=1, le=65535, description="`make docs`")
    scale: float = Field(0.05, gt=0, le=100, description="size of the sample shop; 1 is a million orders")
    var_dir: Path = Field(
        ROOT / "var",
        description="state of this machine: lake, catalog, jars, logs, pid files, site",
        json_schema_extra={"shown": "`var`; with `STORE=s3` `var/s3`"},
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, else the environment, else `.env` as it is written: `${…}` in a password is part of it."""
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        path = dotenv_settings.env_file
        written = dotenv_values(str(path), interpolate=False) if path else {}
        known = {name.lower(): value for name, value in written.items() if value and name.lower() in cls.model_fields}
        return init_settings, env_settings, InitSettingsSource(settings_cls, known)

    @field_validator("source_dsn")
    @classmethod
    def _connection_string(cls, value: SecretStr | None) -> SecretStr | None:
        try:
            parse_dsn(value.get_secret_value() if value else "")
        except ProgrammingError:
            raise ValueError("wanted: postgresql://user@host:5432/database") from None
        return value

    @field_validator("spark_token", "spark_secret")
    @classmethod
    def _long(cls, value: SecretStr | None) -> SecretStr | None:
        if value and len(value.get_secret_value()) < _SHORTEST:
            raise ValueError(f"wanted: {_SHORTEST} characters or more, such as openssl rand -base64 32 prints")
        return value

    @field_validator("spark_token")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[!-~][ -~]*[!-~]", value.get_secret_value()):  # a header loses spaces at its ends
            raise ValueError("wanted: printable characters of ASCII, with no space at either end")
        return value

    @field_validator("raw_pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        RawPattern.parse(value)
        return value

    @field_validator("var_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return Path(_folder("VAR_DIR", str(value)))

    @model_validator(mode="after")
    def _secrets(self) -> Self:
        """No message shows what is secret here, from now on."""
        for name in type(self).model_fields:
            if isinstance(value := getattr(self, name), SecretStr):
                redaction.know_login(value.get_secret_value())
        for whole in filter(None, (self.gate_webhook, self.spark_token)):  # an address may be one
            redaction.know(whole.get_secret_value())
        redaction.know_environment()
        return self

    @model_validator(mode="after")
    def _own_store(self) -> Self:
        """STORE=s3 has a lake, an endpoint and a folder of its own, so that the lake in `var` is left as it is."""
        if not self.store:
            return self
        endpoint = f"http://127.0.0.1:{self.s3_port}"
        if self.lake_url and not self.lake_url.startswith("s3://"):
            raise ValueError(f"LAKE_URL {self.lake_url!r}: with STORE=s3 wanted s3://bucket/prefix, or none")
        if self.aws_endpoint_url not in (None, endpoint):
            raise ValueError(f"AWS_ENDPOINT_URL {self.aws_endpoint_url!r}: STORE=s3 brings its own; leave out one of both")
        object.__setattr__(self, "lake_url", self.lake_url or "s3://comporta/lake")
        object.__setattr__(self, "aws_endpoint_url", endpoint)
        if "var_dir" not in self.model_fields_set:
            object.__setattr__(self, "var_dir", self.var_dir / OWN_STORE)
        return self

    @model_validator(mode="after")
    def _lake(self) -> Self:
        object.__setattr__(self, "lake_url", _place("LAKE_URL", self.lake_url or str(self.var_dir / "lake")))
        for layer, said in self.own.items():
            name, url = f"{layer}_url".upper(), _place(f"{layer}_url".upper(), said)
            if url.startswith("s3://") != self.lake_url.startswith("s3://"):
                seen = f"is {url}, and the lake is {self.lake_url}"
                raise SettingsError(name, seen, "a place in the lake's store", f"Set {name} to one, or leave it out")
            object.__setattr__(self, name.lower(), url)
        for one, other in permutations(self.places, 2):
            if f"{one}/".startswith(f"{other}/"):
                raise SettingsError(
                    "LAKE_URL, SILVER_URL, GOLD_URL",
                    f"{one} lies in {other}",
                    "places apart from each other",
                    "Name another folder",
                )
        return self

    @model_validator(mode="after")
    def _glue(self) -> Self:
        if self.glue_prefix and not self.lake_url.startswith("s3://"):
            seen = f"is set, and the lake is {self.lake_url}"
            raise SettingsError(
                "GLUE_PREFIX", seen, "a lake on S3, where Athena can read it", "Set LAKE_URL=s3://bucket/prefix, or unset it"
            )
        return self

    @property
    def ports(self) -> list[int]:
        """The ports of our servers, whether they run or not."""
        return [int(getattr(self, name)) for name in type(self).model_fields if name.endswith("_port")]

    @property
    def own(self) -> dict[str, str]:
        """Layer to URL, where a layer has a place of its own: its tables lie in it by name."""
        return {layer: url for layer, url in (("silver", self.silver_url), ("gold", self.gold_url)) if url}

    @property
    def places(self) -> list[str]:
        """The lake's URL, and those of layers that have one of their own."""
        return [self.lake_url, *self.own.values()]

    def where(self) -> dict[str, str]:
        """Variables that tell a child process where the lake is, all of it."""
        return {"LAKE_URL": self.lake_url} | {f"{layer}_url".upper(): url for layer, url in self.own.items()}

    @property
    def log_dir(self) -> Path:
        """Logs of the servers."""
        return self.var_dir / "log"

    @property
    def site_dir(self) -> Path:
        """The docs site: index, quality (data docs) and dbt pages."""
        return self.var_dir / "site"

    def dsn(self) -> str:
        """The source's DSN, secret included.

        Raises:
            SettingsError: none is set.
        """
        if self.source_dsn is None:
            raise SettingsError(
                "SOURCE_DSN",
                "is not set",
                "a PostgreSQL",
                "Write SOURCE_DSN=postgresql://user:password@host/db into a file .env beside the Makefile",
            )
        return self.source_dsn.get_secret_value()

    def source(self) -> str:
        """Name of the source: SOURCE_NAME, else the database of the DSN."""
        return self.source_name or str(parse_dsn(self.dsn()).get("dbname", "postgres"))


def _folder(name: str, said: str) -> str:
    path = str(Path(said).expanduser().resolve())
    if odd := _NO_PATH.search(path):
        raise SettingsError(name, f"is {path!r}", f"a folder without {odd[0]!r} in its path", f"Set {name} to another one")
    return path


def _place(name: str, said: str) -> str:
    url = said.rstrip("/")
    if "://" not in url:
        return _folder(name, url)
    if url.startswith("file://"):
        return _folder(name, url.removeprefix("file://"))
    if not url.startswith("s3://"):
        raise SettingsError(name, f"is {url}", "a folder or s3://bucket/prefix", "See the table of settings in docs/reference.md")
    return url


_KINDS = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
}  # pydantic's kinds of error


def path() -> Path | None:
    """The file of settings, whether it is there or not; None where none is read, as in tests."""
    said = Settings.model_config.get("env_file")
    return Path(str(said)) if said else None


def open_to_others() -> str:
    """A line about `.env` if other users of this machine can read a secret in it; "" if not."""
    file = path()
    if file is None or not file.is_file() or not file.stat().st_mode & 0o044:
        return ""
    held = sorted(SECRETS & dotenv_values(file, interpolate=False).keys())
    return f"{file} can be read by other users of this machine, {', '.join(held)} in it too. Run chmod 600 {file}" if held else ""


def load() -> Settings:
    """Settings as the environment says; commands begin with `lakehouse.machine.load`.

    Raises:
        SettingsError: a variable has a value that it cannot have; names the variable, never a secret's value.
    """
    network.adopt()
    try:
        found = Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "LAKE_URL"
        shown = f"is {first['input']!r}" if first["loc"] and name not in SECRETS else "can't be used"
        seen = "is no connection string" if name.endswith("DSN") else shown
        wanted = _KINDS.get(first["type"], first["msg"].removeprefix("Value error, ").removeprefix("wanted: "))
        if where := env_file.origin(name, path()):
            seen += f", from {where}"
        raise SettingsError(name, seen, wanted, "See the table of settings in docs/reference.md") from None
    access.adopt(found.var_dir)
    return found
