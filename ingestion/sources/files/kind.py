"""What a file is by its first bytes, if it is no text of lines. Pure."""

import re

_MAGIC = (
    (b"\x1f\x8b", "is compressed by gzip", "gunzip it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed by zstd", "Unpack it first: zstd -d"),
    (b"BZh", "is compressed by bzip2", "Unpack it first: bunzip2"),
    (b"\xfd7zXZ\0", "is compressed by xz", "Unpack it first: unxz"),
    (b"7z\xbc\xaf", "is a 7z archive", "Unpack it first"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook", "Open it and save it as CSV UTF-8"),
    (b"%PDF", "is a PDF", "Ask for the table as CSV"),
    (b"PAR1", "is a Parquet file", "Write it as CSV"),
    (b"SQLite format 3\0", "is a SQLite database", "Export its tables as CSV"),
    (b"PGDMP", "is a dump in pg_dump's custom format", "Make it by pg_dump --format=plain --no-owner --no-privileges"),
    (b"version https://git-lfs.github.com/spec/", "is the pointer of git LFS and not the file", "git lfs pull"),
)
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml|table|error|!--)", re.I)
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{\s*(?:\"|\}\s*\Z)|\[\s*(?:[\[{]|\"[^\"]*\"\s*,\s*(?:\"|\n)|\]\s*\Z))")
_TAR = slice(257, 262)


def foreign(start: bytes) -> tuple[str, str] | None:
    """What a file that begins so is, and what to do with it; None if it may be a text of lines.

    Args:
        start: its first bytes, 4096 of them if it has so many.
    """
    for magic, seen, remedy in _MAGIC:
        if start.startswith(magic):
            return seen, remedy
    if start.startswith(b"PK\3\4"):
        book = b"[Content_Types].xml" in start or b"xl/" in start or b"mimetypeapplication/vnd.oasis" in start
        return (
            ("is an Excel or LibreOffice workbook", "Open it and save it as CSV UTF-8")
            if book
            else ("is a zip archive", "Unzip it first")
        )
    if start[_TAR] == b"ustar":
        return "is a tar archive", "Unpack it first"
    if _PAGE.match(start):
        return "is a web page or XML", "Perhaps an error page was downloaded in place of the file: look into it"
    if _JSON.match(start):
        return "is JSON", "Write it as CSV"
    return None
