"""The site in the bucket: what changed goes there, what left the folder goes away, what others put there stays."""

from pathlib import Path

import pytest

from docs_site.publish import publish
from lakehouse.settings import Settings
from lakehouse.store import s3


@pytest.fixture
def home(store: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    made = store.model_copy(update={"lake_url": f"s3://comporta/{request.node.name}", "var_dir": tmp_path})
    for name, text in {"index.html": "start", "assets/site.css": "a{}", "quality/validations/t/1.html": "one"}.items():
        path = made.site_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return made


def there(home: Settings) -> dict[str, str]:
    bucket, prefix = s3.split(home.lake_url)
    client = s3.client(home)
    found = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/site/").get("Contents", [])
    read = {each["Key"]: client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode() for each in found}
    return {key.removeprefix(f"{prefix}/site/"): text for key, text in read.items()}


def test_only_what_changed_is_written_and_what_is_gone_goes(home: Settings) -> None:
    assert publish(home) == 3
    assert publish(home) == 0
    (home.site_dir / "index.html").write_text("start again")
    (home.site_dir / "quality/validations/t/1.html").unlink()
    assert publish(home) == 1
    assert there(home) == {"index.html": "start again", "assets/site.css": "a{}"}
    bucket, prefix = s3.split(home.lake_url)
    kinds = {name: s3.client(home).head_object(Bucket=bucket, Key=f"{prefix}/site/{name}")["ContentType"] for name in there(home)}
    assert kinds == {"index.html": "text/html; charset=utf-8", "assets/site.css": "text/css; charset=utf-8"}


def test_what_another_machine_put_there_stays(home: Settings, tmp_path: Path) -> None:
    publish(home)
    other = home.model_copy(update={"var_dir": tmp_path / "other"})
    (other.site_dir / "quality").mkdir(parents=True)
    (other.site_dir / "quality" / "2.html").write_text("two")
    publish(other)
    (home.site_dir / "assets/site.css").unlink()
    publish(home)
    assert there(home).keys() == {"index.html", "quality/2.html", "quality/validations/t/1.html"}


def test_one_that_was_cut_off_is_done_by_the_next(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(home)
    (home.site_dir / "index.html").write_text("new")

    def breaks_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("docs_site.publish._put", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        publish(home)
    monkeypatch.undo()
    (home.site_dir / "assets/site.css").unlink()
    assert publish(home) == 1
    assert there(home) == {"index.html": "new", "quality/validations/t/1.html": "one"}


def test_a_lake_in_a_folder_has_none(tmp_path: Path) -> None:
    assert publish(Settings(var_dir=tmp_path)) == 0
