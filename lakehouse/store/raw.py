"""Names in the RAW zone: where a file of a source lies, by RAW_PATTERN. Pure; what is given is distrusted."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from lakehouse.errors import SettingsError
from lakehouse.raw_pattern import RawPattern
from lakehouse.settings import Settings
from lakehouse.store import storage

FORMATS = ("csv", "json", "jsonl", "parquet")
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_PACKED = (".gz", ".zst", ".zip", ".bz2", ".xz")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LONGEST = 63  # characters of a source and of an entity: both may become parts of a table's name
# Bytes of a file's name as it is kept: a folder takes 255, of which a name for the time of writing takes some; a tag adds nine.
_LONGEST_FILE, _LONGEST_STEM = 180, 120


def root(settings: Settings, source: str) -> str:
    """Where all that lies of a source in the RAW zone is, and nothing of another: `LAKE_URL/raw/<source>`, if RAW_PATTERN says no other.

    Raises:
        SettingsError: the source has no name for a path.
    """
    pattern = RawPattern.parse(settings.raw_pattern)
    return storage.join(settings.lake_url, pattern.root(_checked(pattern, "source", source)))


def place(settings: Settings, path: Path, *, source: str, day: date, entity: str | None = None, format: str | None = None) -> str:
    """Where a file goes.

    Args:
        path: the file; its folders mean nothing.
        entity: what its rows are; by default its name without suffixes.
        format: one of FORMATS; by default what its suffix says, below that of compression.

    Raises:
        SettingsError: source or entity is no name for a path, or the file's name does not say what it is.
    """
    pattern = RawPattern.parse(settings.raw_pattern)
    said, named = format or format_of(path.name), entity_of(path.name) if entity is None else entity
    if said is None:
        wanted = f"{', '.join(_SUFFIXES)}, also below {', '.join(_PACKED)}"
        raise SettingsError(str(path), "has a suffix that says no format", wanted, "Say FORMAT=csv, or rename it")
    if entity is None and not named:
        seen = "has a name that says no entity"
        raise SettingsError(str(path), seen, "a letter or a digit of ASCII in it", "Say ENTITY=movies, or rename it")
    values = {
        "source": _checked(pattern, "source", source),
        "format": said,
        "entity": _checked(pattern, "entity", named),
        "year": f"{day.year:04}",
        "month": f"{day.month:02}",
        "day": f"{day.day:02}",
        "file": safe(path.name),
    }
    return storage.join(settings.lake_url, pattern.path(values))


def format_of(file: str) -> str | None:
    """The format that a file's suffix says, below that of compression; None if it says none."""
    return _SUFFIXES.get(suffix_of(file).lower())


def suffix_of(file: str) -> str:
    """The suffix that says a file's format, below that of compression; "" if none does."""
    return _cut(_cut(file, _PACKED)[0], _SUFFIXES)[1]


def entity_of(file: str) -> str:
    """What a file's rows are, by its name without suffixes: small letters, digits and `_`, accents taken off; "" if none is left."""
    stem = unicodedata.normalize("NFKD", _split(file)[0]).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", stem).strip("_")[:_LONGEST].rstrip("_")


def safe(file: str) -> str:
    """A file's name as it is kept: as it is, if letters, digits, `_`, `-` and `.` are all that is in it.

    Of any other the rest becomes `_`, and eight digits of the name's SHA-256 say which name it was: two names never become one.
    """
    kept = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", file)).strip("._-")
    spelt = file.encode("utf-8", "surrogatepass")  # bytes that are no UTF-8 are halves of characters to Python
    if kept == file and len(spelt) <= _LONGEST_FILE:
        return file
    tag = hashlib.sha256(spelt).hexdigest()[:8]
    stem, suffixes = _split(kept)
    short = stem.encode()[:_LONGEST_STEM].decode(errors="ignore").strip("._-")
    return "-".join(filter(None, (short, tag))) + suffixes


def _split(file: str) -> tuple[str, str]:
    """A name before its suffixes, and these: of a format, of compression."""
    stem, packed = _cut(file, _PACKED)
    stem, format = _cut(stem, _SUFFIXES)
    return stem, format + packed


def _cut(name: str, suffixes: Iterable[str]) -> tuple[str, str]:
    found = next((each for each in suffixes if name.lower().endswith(each)), "")
    return (name[: -len(found)], name[-len(found) :]) if found else (name, "")


def _checked(pattern: RawPattern, name: str, said: str) -> str:
    if not _NAME.fullmatch(said) or len(said) > _LONGEST:
        wanted = f"at most {_LONGEST} letters and digits of ASCII, _ and -"
        raise SettingsError(
            name.upper(), f"is {said[:100]!r}", wanted, f"Say {name.upper()}={'local' if name == 'source' else 'movies'}"
        )
    if said != said.lower() and pattern.turns_case(name):
        wanted = f"{said.lower()!r}, since RAW_PATTERN turns its case"
        raise SettingsError(name.upper(), f"is {said!r}", wanted, "Write it in small letters, or leave the case out of RAW_PATTERN")
    return said
