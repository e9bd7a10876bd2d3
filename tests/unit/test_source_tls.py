"""Whose certificate a connection to the source wants to see, and which authorities are believed."""

import datetime
import hashlib
import re
from pathlib import Path

import pytest
from certificates import Authority
from cryptography import x509
from psycopg2.extensions import parse_dsn
from pydantic import SecretStr

from ingestion.sources.postgres import tls
from lakehouse.settings import Settings

HERE = [
    "postgresql://me@localhost/db",
    "postgresql://me@LOCALHOST:5433/db",
    "postgresql://me@127.0.0.1/db",
    "postgresql://me@127.9.0.1/db",
    "postgresql://me@[::1]/db",
    "dbname=db",
    "postgresql:///db?host=/var/run/postgresql",
    "host=@socket dbname=db",
    "host=localhost,127.0.0.1 dbname=db",
    "host=localhost hostaddr=127.0.0.1",
]
AWAY = [
    "postgresql://me@db.example/db",
    "postgresql://me@10.0.0.5/db",
    "postgresql://me@[fd00::2]/db",
    "host=localhost,db.example dbname=db",
    "hostaddr=10.0.0.5",
    "host=localhost hostaddr=10.0.0.5",
    "host=db.example hostaddr=127.0.0.1",
    "host=127.1",
    "host=localhost.example",
]


def said(dsn: str, folder: Path, **environment: str) -> dict[str, str]:
    return tls.wanted(parse_dsn(dsn), {"HOME": str(folder), **environment}, folder / "state" / "authorities.pem")


@pytest.fixture(autouse=True)
def nobody_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("dsn", HERE)
def test_a_server_of_this_machine_is_left_to_libpq(dsn: str, tmp_path: Path) -> None:
    assert said(dsn, tmp_path) == {}


@pytest.mark.parametrize("dsn", AWAY)
def test_a_server_elsewhere_has_to_prove_its_name(dsn: str, tmp_path: Path) -> None:
    bundle = tmp_path / "state" / "authorities.pem"
    assert said(dsn, tmp_path) == {"sslmode": "verify-full", "sslrootcert": str(bundle)}
    assert bundle.read_text().startswith(tls.RDS.read_text())


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
@pytest.mark.parametrize("where", ["dsn", "service", "environment"])
def test_a_mode_that_somebody_says_stands(mode: str, where: str, tmp_path: Path) -> None:
    (tmp_path / ".pg_service.conf").write_text(f"# ours\n[crm]\nhost=db.example\nsslmode={mode}\n")
    dsn = {"dsn": f"host=db.example sslmode={mode}", "service": "service=crm", "environment": "host=db.example"}[where]
    assert said(dsn, tmp_path, **({"PGSSLMODE": mode} if where == "environment" else {})) == {"sslmode": mode}


def test_the_string_comes_before_its_service_and_that_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "services").write_text("[crm]\nhost=db.example\nsslmode=require\n")
    known = {"PGSERVICEFILE": str(tmp_path / "services"), "PGSSLMODE": "disable"}
    assert said("service=crm", tmp_path, **known)["sslmode"] == "require"
    assert said("service=crm sslmode=prefer", tmp_path, **known)["sslmode"] == "prefer"
    assert said("host=127.0.0.1", tmp_path, PGSERVICE="crm", PGSERVICEFILE=known["PGSERVICEFILE"])["sslmode"] == "require"


@pytest.mark.parametrize("name, value", [("PGHOST", "db.example"), ("PGHOSTADDR", "10.0.0.5"), ("PGSERVICE", "is_not_found")])
def test_a_host_that_the_environment_names_counts(name: str, value: str, tmp_path: Path) -> None:
    assert said("dbname=db", tmp_path, **{name: value})["sslmode"] == "verify-full"
    assert said("service=is_not_found", tmp_path)["sslmode"] == "verify-full"


def test_an_authority_that_somebody_names_is_the_only_one(tmp_path: Path) -> None:
    bundle = tmp_path / "state" / "authorities.pem"
    assert said("host=db.example sslrootcert=/one.pem", tmp_path)["sslrootcert"] == "/one.pem"
    assert said("host=db.example", tmp_path, PGSSLROOTCERT="/two.pem") == {"sslmode": "verify-full", "sslrootcert": "/two.pem"}
    assert said("host=db.example sslrootcert=system", tmp_path) == {"sslmode": "verify-full", "sslrootcert": "system"}
    assert not bundle.exists()
    (tmp_path / ".postgresql").mkdir()
    own = Authority(tmp_path / "own").path.rename(tmp_path / ".postgresql" / "root.crt")
    assert said("host=db.example", tmp_path) == {"sslmode": "verify-full", "sslrootcert": str(own)}
    assert said("host=db.example sslmode=require", tmp_path)["sslrootcert"] == str(own), "libpq verifies it where there is one"
    assert said("host=localhost", tmp_path) == {}


def test_what_this_machine_trusts_is_believed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    company = Authority(tmp_path / "company").path
    monkeypatch.setenv("SSL_CERT_FILE", str(company))
    bundle = Path(said("host=db.example", tmp_path)["sslrootcert"])
    assert company.read_text() in bundle.read_text()
    before = bundle.stat()
    said("host=db.example", tmp_path)
    assert bundle.stat().st_ino == before.st_ino, "written again only when it has changed"
    assert before.st_mode & 0o077 == 0


def test_the_settings_string_says_all_that_others_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-ca")
    monkeypatch.setenv("PGSSLROOTCERT", "/two.pem")
    settings = Settings(var_dir=tmp_path, source_dsn=SecretStr("postgresql://me:pass@db.example/crm"))
    assert tls.secured(settings) == {
        "host": "db.example",
        "dbname": "crm",
        "user": "me",
        "password": "pass",
        "sslmode": "verify-ca",
        "sslrootcert": "/two.pem",
    }


def test_authorities_go_where_the_file_is_not(tmp_path: Path) -> None:
    named = tmp_path / "ca.pem"
    named.write_text("an authority")
    dsn = f"host=db.example sslmode=verify-full sslrootcert={named}"
    carried = tls.roots(dsn)
    named.unlink()
    with tls.at_hand(dsn, carried) as there:
        file = Path(parse_dsn(there)["sslrootcert"])
        assert (file.read_text(), file.stat().st_mode & 0o777) == ("an authority", 0o600)
    assert not file.exists() and tls.roots(dsn) == b""
    with tls.at_hand("host=localhost", tls.roots("host=localhost")) as there:
        assert there == "host=localhost"


def test_the_bundle_is_amazon_s_own() -> None:
    """As AWS served it; three copies by others were the same bytes, and builds of others check the same sum."""
    data = tls.RDS.read_bytes()
    assert hashlib.sha256(data).hexdigest() == "05c6b4a9bf4daa95c888711481e19cc8e2e11aed4de8db759f51f4a6fce64917"
    found = x509.load_pem_x509_certificates(data)
    for each in found:
        each.verify_directly_issued_by(each)
        assert each.not_valid_after_utc > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=365)
        [name] = each.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        assert re.fullmatch(r"Amazon RDS .+ Root CA (RSA2048|RSA4096|ECC384) G1", str(name.value)), name
    assert len(found) == 102
