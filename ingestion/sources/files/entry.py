"""How tables of files are copied: what sources.yml says of each, and what is found out where it says nothing."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ingestion.sources.config import Section, SourceConfig, refusal, unknown
from ingestion.sources.files import casts, infer
from ingestion.sources.files.dialect import FileOptions
from lakehouse.errors import SettingsError

FORMATS = ("csv", "json", "jsonl", "parquet")
_Word = Annotated[str | None, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


class CsvOptions(BaseModel):
    """What is told of CSV files; what is left out is found out, of each file for itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoding: str | None = None
    separator: _Word = None  # a character, or tab, or none
    quote: _Word = None  # a character, or none
    escape: str | None = None  # backslash, or none
    header: int | None = Field(default=None, ge=1)  # the header's line, from 1

    def told(self) -> FileOptions:
        """As the CSV reader takes it."""
        return FileOptions(
            encoding=self.encoding, separator=self.separator, quote=self.quote, escape=self.escape, header=self.header
        )


class FileEntry(BaseModel):
    """How one table is made of files.

    Attributes:
        files: pattern of paths below the source's `path`, as in .gitignore.
        key: columns, or fields of documents, that name a row; by default its file and line do.
        deletes: whose rows go: those that are missing from a file's new content (replaced), also those of a file that is
            gone (compare), none.
        columns: kinds of a CSV file's columns; of all of them, or of those that shall not be found out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    files: str = Field(min_length=1)
    format: Literal["csv", "json", "jsonl", "parquet"]
    key: list[str] = Field(default_factory=list)
    deletes: Literal["none", "replaced", "compare"] = "replaced"
    contract: Literal["evolve", "freeze"] = "evolve"
    csv: CsvOptions = CsvOptions()
    columns: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class FileTables:
    """What the file says of a folder: where it is, and its tables."""

    name: str
    path: str | None
    tables: dict[str, FileEntry] = field(default_factory=dict)


def read(section: Section) -> FileTables:
    """The section with its entries judged.

    Raises:
        SettingsError: names the key that is wrong.
    """
    for name in section.options:
        if name != "path":
            raise unknown(f"sources.{section.name}.{name}", ["path", *SourceConfig.model_fields])
    path = section.options.get("path")
    if path is not None and not isinstance(path, str):
        raise SettingsError(f"sources.yml: sources.{section.name}.path", f"is {path!r}", "a folder, or s3://…")
    found = {}
    for label, said in section.tables.items():
        try:
            found[label] = FileEntry.model_validate(said or {})
        except ValidationError as error:
            raise refusal(error, f"{section.where}.{label}", FileEntry.model_fields) from None
        _check_kinds(f"{section.where}.{label}.columns", found[label].columns)
    return FileTables(section.name, path, found)


def _check_kinds(where: str, columns: dict[str, Any]) -> None:
    for name, kind in columns.items():
        if not casts.is_known(kind):
            known = ", ".join([*infer.POSTGRES, "double"])
            raise SettingsError(f"sources.yml: {where}.{name}", f"is {kind!r}", known, "Mend it and run again")
