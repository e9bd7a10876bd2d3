"""Where a file of the RAW zone lies: below its source's folder whatever it is called, and never where another name's file lies."""

import re
import unicodedata
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakehouse.errors import SettingsError
from lakehouse.raw_pattern import RawPattern
from lakehouse.settings import Settings, load
from lakehouse.store import raw

DAY = date(2022, 5, 2)
SEED = "Raw/{source:title}/{format:upper}/{entity:title}/{year}/{month}/{day}/{file}"
# As people have them: what is fixed, and what they leave out.
PATTERNS = [
    Settings.model_fields["raw_pattern"].default,
    SEED,
    "raw/{source}/{entity}/{file}",
    "landing/v1/{source}-files/{entity}.{year}/dump_date={year}-{month}-{day}/{file}",
]
# A name of a file is any bytes without a slash; Python has those that are no UTF-8 as halves of characters.
NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=300).filter(lambda name: name not in (".", ".."))
SUFFIXES = st.sampled_from(["", ".csv", ".CSV.gz", ".tar.json", ".ndjson", ".parquet", ".zst", " .txt"])
SOURCES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True)


def place(name: str, *, pattern: str = PATTERNS[0], source: str = "local", entity: str | None = "x", format: str = "csv") -> str:
    settings = Settings(lake_url="s3://lake/here", raw_pattern=pattern)
    return raw.place(settings, Path(name), source=source, day=DAY, entity=entity, format=format)


@pytest.mark.parametrize(
    ("name", "pattern", "wanted"),
    [
        ("movies.csv", PATTERNS[0], "raw/local/csv/movies/2022/05/02/movies.csv"),
        ("data/movies.csv", PATTERNS[0], "raw/local/csv/movies/2022/05/02/movies.csv"),
        ("movies.csv", SEED, "Raw/Local/CSV/Movies/2022/05/02/movies.csv"),
        ("tv-series.ndjson.gz", SEED, "Raw/Local/JSONL/Tv_Series/2022/05/02/tv-series.ndjson.gz"),
        ("Séries.TSV", PATTERNS[0], "raw/local/csv/series/2022/05/02/Séries.TSV"),
        ("se\u0301ries.csv", PATTERNS[2], "raw/local/series/séries-455d2048.csv"),
        ("movies.csv", PATTERNS[3], "landing/v1/local-files/movies.2022/dump_date=2022-05-02/movies.csv"),
    ],
)
def test_a_file_lies_where_the_pattern_says(name: str, pattern: str, wanted: str) -> None:
    settings = Settings(lake_url="s3://lake/here", raw_pattern=pattern)
    assert raw.place(settings, Path(name), source="local", day=DAY) == f"s3://lake/here/{wanted}"


@pytest.mark.parametrize(
    ("pattern", "wanted"), zip(PATTERNS, ["raw/local", "Raw/Local", "raw/local", "landing/v1/local-files"], strict=True)
)
def test_a_source_has_a_folder_of_its_own(pattern: str, wanted: str) -> None:
    assert raw.root(Settings(lake_url="/lake", raw_pattern=pattern), "local") == f"/lake/{wanted}"


@given(NAMES, SUFFIXES, st.sampled_from(PATTERNS), SOURCES)
@example("..", ".csv", PATTERNS[0], "a")
@example("_", ".csv", PATTERNS[0], "a")
@example("a\\..\\b", ".csv", PATTERNS[0], "a")
@example("\udcff" * 300, ".csv", PATTERNS[0], "a")
@example("\u212b", ".csv", PATTERNS[0], "a")  # a letter that has another spelling
@example("é" * 300, ".csv.gz", PATTERNS[0], "a")
def test_any_name_leads_below_its_sources_folder(name: str, suffix: str, pattern: str, source: str) -> None:
    settings = Settings(lake_url="s3://lake/here", raw_pattern=pattern)
    url, root = place(name + suffix, pattern=pattern, source=source), raw.root(settings, source)
    assert url.startswith(f"{root}/") and root.startswith("s3://lake/here/")
    parts = url.removeprefix("s3://lake/here/").split("/")
    assert all(part[0] not in "._-" and len(part.encode()) <= 200 for part in parts), parts
    assert all(re.fullmatch(r"[\w.=-]+", part) for part in parts), parts
    assert unicodedata.is_normalized("NFC", url)


@given(st.lists(NAMES, min_size=2, max_size=4, unique=True), SUFFIXES)
@example(["a b", "a_b", "a\nb", "a  b"], ".csv")
@example(["é", "e\u0301"], ".csv")
@example(["x" * 300, "x" * 299], ".csv")
@example(["0", "\ud800"], "")
@example(["_a", "a", ".a", "a."], "")
def test_two_names_never_share_a_place(names: list[str], suffix: str) -> None:
    assert len({place(name + suffix) for name in names}) == len(names)


@given(st.lists(st.tuples(SOURCES, SOURCES), min_size=2, max_size=2, unique=True), st.sampled_from(PATTERNS))
@example([("a-b", "c"), ("a", "b-c")], PATTERNS[0])
def test_two_sources_or_entities_never_share_a_place(pairs: list[tuple[str, str]], pattern: str) -> None:
    (one, first), (other, second) = pairs
    assert place("f.csv", pattern=pattern, source=one, entity=first) != place("f.csv", pattern=pattern, source=other, entity=second)
    roots = [raw.root(Settings(lake_url="/lake", raw_pattern=pattern), name) for name in (one, other)]
    assert one == other or not f"{roots[0]}/".startswith(f"{roots[1]}/")


@given(NAMES, SUFFIXES)
@example("x" * 300, ".csv")
def test_an_entity_is_a_plain_word_or_asked_for(name: str, suffix: str) -> None:
    found = raw.entity_of(name + suffix)
    assert re.fullmatch(r"([a-z0-9][a-z0-9_]{0,62})?", found)
    if not found:
        with pytest.raises(SettingsError, match="says no entity .* Say ENTITY="):
            place(name + suffix, entity=None)


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.txt", "csv"), ("a.TSV.ZST", "csv"), ("a.json.zip", "json"), ("a.ndjson", "jsonl"), ("a.parquet", "parquet")],
)
def test_a_suffix_says_the_format(name: str, format: str) -> None:
    assert raw.format_of(name) == format


@pytest.mark.parametrize("name", ["a", "csv", "a.gz", "a.zip", "a.xlsx", "a.csv.bak", "a.csv "])
def test_a_suffix_that_says_none_is_asked_for(name: str) -> None:
    with pytest.raises(SettingsError, match=r"a suffix that says no format \(wanted: \.csv.*Say FORMAT="):
        raw.place(Settings(), Path(name), source="local", day=DAY)


@pytest.mark.parametrize("said", ["", ".", "..", "a/b", "a b", "_a", "-a", "é", "a\n", "a\x1b", "{file}", "x" * 64, "\udcff"])
def test_a_source_or_an_entity_that_is_no_name_is_refused(said: str) -> None:
    with pytest.raises(SettingsError, match="^SOURCE: is "):
        raw.root(Settings(), said)
    with pytest.raises(SettingsError, match="^ENTITY: is "):
        place("a.csv", entity=said)


def test_a_case_that_is_turned_wants_small_letters() -> None:
    """Or `Local` and `local` would share a place."""
    assert place("a.csv", source="TMDB", entity="Movies").endswith("/raw/TMDB/csv/Movies/2022/05/02/a.csv")
    for given_name in ({"source": "TMDB"}, {"entity": "Movies"}):
        with pytest.raises(SettingsError, match="since RAW_PATTERN turns its case"):
            place("a.csv", pattern=SEED, **given_name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("raw/{sorce}/{entity}/{file}", r"\{source\} in place of \{sorce\}"),
        ("raw/{source:Title}/{entity}/{file}", r"\{source:title\} in place of"),
        ("raw/{x!r}/{source}/{entity}/{file}", "one of source, format"),
        ("raw/{}/{source}/{entity}/{file}", "one of source, format"),
        ("raw/{source}/{file}", r"\{entity\} in it, once"),
        ("raw/{source}/{entity}", r"\{file\} in it, once"),
        ("raw/{entity}/{file}", r"\{source\} in it, once"),
        ("raw/{source}/{source}/{entity}/{file}", r"\{source\} in it, once"),
        ("raw/{source}/{entity}/{file}.gz", "as its last part"),
        ("raw/{source}/{file}/{entity}", "as its last part"),
        ("raw/{source}/{entity}/{file:upper}", "without a case"),
        ("raw/../{source}/{entity}/{file}", "without .."),
        ("raw/./{source}/{entity}/{file}", "without .."),
        ("raw//{source}/{entity}/{file}", "without .."),
        ("/raw/{source}/{entity}/{file}", "without .."),
        ("raw/{source}/{entity}/{file}/", "without .."),
        ("{source}/{entity}/{file}", "a folder of its own"),
        ("Bronze/{source}/{entity}/{file}", "a folder of its own"),
        ("_lease/{source}/{entity}/{file}", "hidden"),
        ("raw/.{source}/{entity}/{file}", "hidden"),
        ("raw/{source}{entity}/{file}", "a slash between"),
        ("raw/{source}/{format}-{entity}/{file}", "a slash between"),
        ("raw/{entity}/{source}/{file}", "before all others"),
        ("raw/{year}/{source}/{entity}/{file}", "before all others"),
        ("raw/{source}-{year}/{entity}/{file}", "before all others"),
        ("raw/{source}/a b/{entity}/{file}", "and not ' '"),
        ("raw/{source}/{entity/{file}", "and not '{'"),
        ("raw\\{source}/{entity}/{file}", "and not"),
    ],
)
def test_a_pattern_that_can_not_be_used_is_refused(pattern: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAW_PATTERN", pattern)
    with pytest.raises(SettingsError, match=f"^RAW_PATTERN: is .*, from the environment .*{wanted}"):
        load()


@given(
    st.lists(
        st.sampled_from(["raw", "{source}", "{entity}", "{file}", "{format:upper}", "{year}", "-", "/", "..", "_"]), max_size=9
    )
)
def test_a_pattern_is_refused_or_keeps_the_law(words: list[str]) -> None:
    pattern = "".join(words)
    try:
        RawPattern.parse(pattern)
    except ValueError as error:
        assert str(error).startswith("wanted: ")
        return
    root = raw.root(Settings(lake_url="/lake", raw_pattern=pattern), "local")
    assert place("a.csv", pattern=pattern).removeprefix("s3://lake/here").startswith(f"{root.removeprefix('/lake')}/")
    assert "local" in root and ".." not in root
