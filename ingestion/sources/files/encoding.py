"""In which encoding a file is, by evidence: a byte order mark, strict UTF-8, else Western European text or a refusal."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lakehouse.errors import SettingsError, SourceError

_BLOCK = 1 << 18
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with BOM"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
# Two to four bytes that are one character of UTF-8.
_WIDE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# In Windows-1252 a sign or a capital, but between two small letters: it is the letter of another code page. Quotes and dashes may be there.
_WESTERN = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0x100)}
_STRANGE = bytes(code for code, text in _WESTERN.items() if (not text.isalpha() or text.isupper()) and text not in "‘’´–—·\u00ad")
_INSIDE = re.compile(rb"[a-z][" + re.escape(_STRANGE) + rb"][a-z]")
_RUN = re.compile(rb"[\x80-\xff]{4}")  # four letters with accents in a row: Greek, Cyrillic, Chinese, …
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
# Where ISO-8859-15 has other characters than Windows-1252: € Š š Ž ž Œ œ Ÿ for ¤ ¦ ¨ ´ ¸ ¼ ½ ¾.
_EURO = re.compile(rb"[\xa4\xa6\xa8\xb4\xb8\xbc-\xbe]")
_ASK = "Say which: ENCODING=windows-1252, iso-8859-15, cp1250, cp1251, cp850, shift_jis, …"


@dataclass(frozen=True)
class Encoding:
    """A codec of Python, how people call it, and the first word that shows an assumption right or wrong; empty if none was made."""

    codec: str
    name: str
    example: str = ""


def find(path: Path, said: str | None = None, strict: bool = True) -> Encoding:
    """The encoding of a file of text, told from all of its bytes in constant memory.

    Args:
        said: the encoding that somebody told; then the bytes only have to fit it.
        strict: whether each byte must fit. Else those that don't are for the reader to name, by their lines.

    Raises:
        SourceError: the bytes don't fit, or could be text in more than one encoding.
        SettingsError: what was said is no encoding.
    """
    if said:
        return _as_said(path, said, strict)
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise SourceError(str(path), "is in UTF-32", "UTF-8", "Save it as UTF-8")
    for mark, codec, name in _MARKS:
        if start.startswith(mark):
            if strict or codec == "utf-16":
                _check(path, codec, name)
            return Encoding(codec, name)
    if b"\0" in start and (strict or start.count(b"\0") > len(start) // 4):
        return _without_mark(path, start)
    try:
        _check(path, "utf-8", "UTF-8")
        return Encoding("utf-8", "UTF-8")
    except SourceError as error:
        return _western(path, error, strict)


def _as_said(path: Path, said: str, strict: bool) -> Encoding:
    try:
        name = codecs.lookup(said).name
        "".encode(name)
    except (LookupError, ValueError):
        raise SettingsError("ENCODING", f"is {said!r}", "the name of an encoding, as utf-8 or windows-1252") from None
    codec = "utf-8-sig" if name == "utf-8" else name
    if strict or not name.startswith("utf-8"):
        _check(path, codec, said)
    return Encoding(codec, said)


def _check(path: Path, codec: str, name: str) -> None:
    """Decode the whole file, or say where that fails."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    lines = 1
    is_open = codec != "utf-8"  # else ASCII needs no decoding, where no character goes on
    for block, last in _blocks(path):
        if not is_open and block.isascii():
            lines += block.count(b"\n")
            continue
        try:
            text = decoder.decode(block, last)
            is_open = codec != "utf-8" or bool(decoder.getstate()[0])
        except UnicodeDecodeError as error:
            lines += error.object[: error.start].count(b"\n")
            seen = f"byte 0x{error.object[error.start]:02X} is no {name}"
            raise SourceError(f"{path}, line {lines}", seen, remedy="Say ENCODING=…, or mend the line") from None
        lines += text.count("\n")


def _blocks(path: Path) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as file:
        block = file.read(_BLOCK)
        while block:
            following = file.read(_BLOCK)
            yield block, not following
            block = following


def _without_mark(path: Path, start: bytes) -> Encoding:
    """UTF-16 without its mark, if only one of both orders makes lines of it."""
    fits = []
    for codec in ("utf-16-le", "utf-16-be"):
        text = start[: len(start) // 2 * 2].decode(codec, "replace")
        if "\0" not in text and re.search("[\r\n]", text) and re.search("[\t -~]{2}", text):
            fits.append(codec)
    if len(fits) != 1:
        line = start[: start.index(b"\0")].count(b"\n") + 1
        raise SourceError(f"{path}, line {line}", "holds a NUL byte", "text", "Mend the file; PostgreSQL holds no NUL in a text")
    _check(path, fits[0], "UTF-16")
    return Encoding(fits[0], "UTF-16 without BOM")


def _western(path: Path, error: SourceError, strict: bool) -> Encoding:
    """Windows-1252 where nothing speaks against it; UTF-8 with bytes that are none, where others are and that is allowed."""
    example, controls, euro, rest = b"", False, b"", b""
    for block, _ in _blocks(path):
        block = rest + block
        cut = max(block.rfind(b"\n"), block.rfind(b"\r"), len(block) - 64) + 1  # a word is not cut in two
        text, rest = block[:cut], block[cut:]
        if _WIDE.search(text):
            if not strict:
                return Encoding("utf-8", "UTF-8")
            raise SourceError(error.where, f"{error.seen}, though other characters of the file are", remedy=error.remedy) from None
        if _UNDEFINED.search(text) or _RUN.search(text) or _INSIDE.search(text):
            raise SourceError(str(path), "is neither UTF-8 nor plainly Windows-1252", remedy=_ASK) from None
        controls = controls or bool(re.search(rb"[\x80-\x9f]", text))
        found = _EURO.search(text)
        euro = euro or (_word(text, found.start()) if found else b"")
        if not example and (first := re.search(rb"[\x80-\xff]", text)):
            example = _word(text, first.start())
    if euro and not controls:
        one, other = euro.decode("cp1252"), euro.decode("iso-8859-15")
        seen = f"is Windows-1252 or ISO-8859-15: “{one}” or “{other}”"
        raise SourceError(str(path), seen, remedy="Say which: ENCODING=windows-1252 or ENCODING=iso-8859-15") from None
    return Encoding("cp1252", "Windows-1252", example.decode("cp1252", "replace"))


def _word(text: bytes, at: int) -> bytes:
    """The word around a byte, 30 bytes at most."""
    before = re.search(rb"[^\s,;|\"]*\Z", text[max(0, at - 15) : at])
    after = re.match(rb"[^\s,;|\"]*", text[at : at + 15])
    return (before[0] if before else b"") + (after[0] if after else b"")
