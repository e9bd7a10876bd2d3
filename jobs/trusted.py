"""Files of the RAW zone to plain Parquet, for who reads files: plain PySpark, which runs here and as a job of AWS Glue.

Only PySpark (3.5 of Glue 5, or later), Python 3.11 and its standard library; nothing of ours, since Glue has this one file. What it
promises, and what a reader may see while it writes: docs/trusted.md.
"""

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from itertools import groupby
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

# Exit codes; 2 is that of wrong arguments.
NOTHING, FORMAT, QUERY, WRITE, REJECTED = 3, 4, 5, 6, 7

# What Spark would ignore in silence if it were misspelt.
OPTIONS = {
    "csv": "sep delimiter encoding charset quote escape charToEscapeQuoteEscaping comment header multiLine lineSep nullValue emptyValue "
    "ignoreLeadingWhiteSpace ignoreTrailingWhiteSpace maxColumns maxCharsPerColumn",
    "json": "",
    "jsonl": "",
    "parquet": "mergeSchema datetimeRebaseMode int96RebaseMode",
}
# Spark 3.5 and 4 differ in some of these, and so may whoever starts this.
SESSION = {
    "spark.sql.analyzer.maxIterations": "1000",  # documents in arrays in documents take Spark 3.5 more than its hundred
    "spark.sql.ansi.enabled": "true",  # a value that does not fit its type is an error, as in silver, and no null
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.variable.substitute": "false",  # `${…}` in a query is text
    "spark.sql.csv.parser.columnPruning.enabled": "false",  # else a row's fields are counted only as far as they are asked for
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # INT96 is told otherwise by each reader
}
FILE_BYTES = 1 << 40  # a file up to this size is one task's
DOCUMENT = StructType([StructField(name, StringType()) for name in ("_document", "_file", "_reason", "_record")])


class Refused(Exception):
    """What a user can act on, in one line."""

    def __init__(self, code: int, where: str, said: str) -> None:
        super().__init__(f"{plain(where)}: {said}")
        self.code = code


class Broken(Exception):
    """A file whose rest can't be read; the message names file and place, and is found again in what Spark says of a failed task."""


def main(given: list[str]) -> int:
    """Read, check, ask and write; the exit code."""
    asked = arguments(given)
    for name in ("SPARK_REMOTE", "SPARK_CONNECT_MODE_ENABLED", "SPARK_API_MODE"):
        os.environ.pop(name, None)  # this is a process of its own, and no client of a server, whoever started it
    try:
        spark = session()
        print(run(spark, asked))
        return REJECTED if asked.strict and asked.rejected else 0
    except Refused as refused:
        if asked.debug:
            raise
        print(f"✗ {refused}", file=sys.stderr)
        return refused.code


def arguments(given: list[str]) -> argparse.Namespace:
    """The command line, `--raw x` or `--raw=x`; Glue hands on its own arguments as well, and a value to each switch."""
    parser = argparse.ArgumentParser(prog="trusted.py", description="Files of the RAW zone to plain Parquet.", allow_abbrev=False)
    parser.add_argument("--raw", required=True, help="folder, file or pattern of files, such as s3://…/raw/local/csv/movies")
    parser.add_argument(
        "--format", required=True, choices=OPTIONS, help="json: a file is an array of documents; jsonl: a line is one"
    )
    parser.add_argument("--to", required=True, help="folder, such as s3://…/trusted/local/parquet/movies")
    parser.add_argument("--options", type=json.loads, default={}, help="of Spark's reader of this format, as JSON")
    parser.add_argument("--query", help="file with a query over the view raw (SELECT …); without it, all columns")
    parser.add_argument("--day", type=day, help="write to <to>/<year>/<month>/<day>/: 2026-11-30, or today (of UTC)")
    for switch, meaning in (("strict", f"end with {REJECTED} if rows were rejected"), ("debug", "a stack trace")):
        parser.add_argument(
            f"--{switch}", type=lambda said: said.lower() == "true", nargs="?", const=True, default=False, help=meaning
        )
    asked, others = parser.parse_known_args(given)
    if others and "--JOB_NAME" not in given:
        parser.error(f"unknown: {' '.join(others)}")
    asked.to, asked.rejected = asked.to.rstrip("/"), 0
    known = OPTIONS[asked.format].split()
    if not isinstance(asked.options, dict):
        parser.error("--options is no object of JSON")
    if wrong := [name for name, value in asked.options.items() if name not in known or not isinstance(value, str | int)]:
        parser.error(
            f"--options: {', '.join(wrong)} (known of {asked.format}, with a text, a number, true or false: {' '.join(known)})"
        )
    if f"{asked.to}/".startswith(f"{asked.raw.rstrip('/')}/"):
        parser.error(f"--to {asked.to} lies in --raw")
    return asked


def day(said: str) -> str:
    """`2026/11/30`."""
    return f"{datetime.now(UTC).date() if said == 'today' else date.fromisoformat(said):%Y/%m/%d}"


def session() -> SparkSession:
    """Spark as all runs have it."""
    spark = SparkSession.builder.appName("trusted").getOrCreate()
    for name, value in SESSION.items():
        spark.conf.set(name, value)
    if spark.sparkContext.master.startswith("local"):
        spark.sparkContext.pythonExec = sys.executable  # its tasks run here, and `python3` may be another one
        spark.sparkContext.setLogLevel("OFF")  # what fails is said in one line
        logging.disable()
    return spark


def run(spark: SparkSession, asked: argparse.Namespace) -> str:
    """Do what was asked; what to tell of it."""
    files = check_files(asked, visible(spark, asked.raw, deep=True))
    parent, _, name = asked.to.rpartition("/")
    target, rejects = (f"{place}/{asked.day}" if asked.day else place for place in (asked.to, f"{parent or '.'}/_rejected/{name}"))
    query = text(spark, asked.query) if asked.query else "select * from raw"
    raw, rows, asked.rejected = READERS[asked.format](spark, asked, files)
    rejected = raw.where("_reason is not null").select("_file", "_reason", "_record")
    publish(spark, rejected if asked.rejected else None, rejects)
    if rows and asked.rejected == rows:
        first = rejected.first()
        raise Refused(FORMAT, first["_file"], f"is it {asked.format}? All rows were rejected; the first one {first['_reason']}")
    raw.where("_reason is null").drop("_reason", "_record").createOrReplaceTempView("raw")
    try:
        answer = spark.sql(query)
    except PySparkException as error:
        raise Refused(QUERY, asked.query or "--raw", reason(error)) from error
    publish(spark, answer, target)
    told = [f"{asked.raw}: {len(files)} file{'s' * (len(files) > 1)}, {rows} rows"]
    told += [f"{asked.rejected} rejected, see {rejects}"] if asked.rejected else []
    return "; ".join([*told, f"{spark.read.parquet(literal(target)).count()} written to {target}"])


# --- Files ---------------------------------------------------------------------------------------------------------------------


def store_of(spark: SparkSession, place: str) -> tuple[Any, Any]:
    """Hadoop's file system of a place, and its path there."""
    path = spark._jvm.org.apache.hadoop.fs.Path(place)
    return path.getFileSystem(spark._jsc.hadoopConfiguration()), path


def visible(spark: SparkSession, place: str, deep: bool) -> dict[str, int] | None:
    """Files, by path, with their bytes, as Spark sees them: none whose name, or whose folder's, begins with `_` or `.`. None: no such place."""
    store, path = store_of(spark, place)
    try:
        roots = store.globStatus(path)
    except Py4JError as error:
        raise Refused(NOTHING, place, reason(error)) from error
    found = {}
    for root in roots or ():
        files, above = store.listFiles(root.getPath(), deep), len(root.getPath().toString())
        while files.hasNext():
            each = files.next()
            name = each.getPath().toString()
            if not re.search(r"/[_.]", name[above:] if root.isDirectory() else ""):
                found[name] = each.getLen()
    return found if roots else None


def check_files(asked: argparse.Namespace, files: dict[str, int] | None) -> dict[str, int]:
    """The files, if there are some that can be read at all."""
    if files is None:
        raise Refused(NOTHING, asked.raw, "does not exist. Check --raw")
    if not files:
        raise Refused(NOTHING, asked.raw, "holds no file. Check --raw")
    for name, size in files.items():
        if size == 0 and asked.format != "jsonl":
            raise Refused(NOTHING, name, "is empty. Bring it again, or remove it")
        if re.search(r"\.(zip|zst|xz|7z|rar|tar|tgz)$", name, re.I):
            raise Refused(FORMAT, name, "is packed in a way that Spark does not read. Unpack it, or pack it by gzip")
    return files


def text(spark: SparkSession, place: str) -> str:
    """A file's text, here or in the store."""
    try:
        return str(spark.read.text(literal(place), wholetext=True).first()[0])
    except (PySparkException, Py4JError, TypeError) as error:
        raise Refused(QUERY, place, "is empty" if isinstance(error, TypeError) else reason(error)) from error


def literal(place: str) -> str:
    """A path that is no pattern."""
    return re.sub(r"([][{}*?\\])", r"\\\1", place)


def plain(place: str) -> str:
    """`file:/a` is /a."""
    return re.sub(r"^file:/+", "/", place)


def publish(spark: SparkSession, frame: DataFrame | None, place: str) -> None:
    """Write a folder's rows anew. What is there stays until all of the new is, and goes then; None: it goes, if it is there.

    Spark commits the new files together at the end of its job, and a job that fails leaves none. What S3 can't do is to exchange many
    objects at once: for a moment a reader may see both. The other order would show him too little, and for as long as the job takes.
    """
    before = visible(spark, literal(place), deep=False) or {}
    if foreign := [name for name in before if not name.endswith(".parquet")]:
        raise Refused(WRITE, foreign[0], f"is not of this job. Give --to a folder of its own, not {place}")
    store, path = store_of(spark, place)
    if frame is not None:
        if store.exists(path) and (inner := [each.getPath().toString() for each in store.listStatus(path) if is_inner(each)]):
            raise Refused(WRITE, inner[0], "is a folder: is it laid out by day? Say --day, or give --to a folder of its own")
        try:
            # Version 2 shows files as their tasks end.
            frame.write.option("mapreduce.fileoutputcommitter.algorithm.version", "1").mode("append").parquet(place)
        except (PySparkException, Py4JError) as error:
            said = reason(error)
            raise Refused(QUERY if said.startswith("[") else WRITE, place, f"nothing was written: {said}") from error
    for name in before:
        store.delete(spark._jvm.org.apache.hadoop.fs.Path(name), False)


def is_inner(status: Any) -> bool:
    """Whether this is a folder that readers see."""
    return bool(status.isDirectory()) and status.getPath().getName()[0] not in "_."


# --- CSV and Parquet -----------------------------------------------------------------------------------------------------------


def file_name() -> Any:
    """Of each row its file, as it is called: Spark's word for it has blanks and accents as %20."""
    return F.expr("regexp_replace(url_decode(replace(input_file_name(), '+', '%2B')), '^file:/+', '/')")


def read_csv(spark: SparkSession, asked: argparse.Namespace, files: dict[str, int]) -> tuple[DataFrame, int, int]:
    """All columns as text, each row with `_file`, and `_reason` and `_record` where it does not fit; counts of rows and of those."""
    said = {name: str(value).lower() if isinstance(value, bool) else value for name, value in asked.options.items()}
    quote = said.get("quote", '"')
    options = {"header": "true", "multiLine": "true", "escape": quote or "\\"} | said | {"mode": "PERMISSIVE"}
    first = min(files)
    # Spark takes the name of a file for a pattern where it looks for a header that may have line ends.
    one_line = {"multiLine": "false"} if literal(first) != first else {}
    with reading(first):
        columns = spark.read.options(**options | one_line).csv(literal(first)).columns
    if not columns or re.search(r"[\0\ufffd]|^PAR1|^\s*[\[{]", "".join(columns)):
        raise Refused(FORMAT, first, "is it csv? Its first line is no header" if columns else "has no header")
    if taken := {"_file", "_reason", "_record"} & {name.lower() for name in columns}:
        raise Refused(FORMAT, first, f"has a column {min(taken)}, which is a name of this job's own")
    schema = StructType([StructField(name, StringType()) for name in [*columns, "_record"]])
    # Else columns go by their place, and a file that has them in another order is read wrong. One file is its own measure.
    options |= {
        "enforceSchema": str(len(files) == 1).lower(),
        "columnNameOfCorruptRecord": "_record",
        "recursiveFileLookup": "true",
    }
    frame = spark.read.schema(schema).options(**options).csv(asked.raw).withColumn("_file", file_name())
    values = [F.col(quoted(name)) for name in columns]
    whole = F.concat_ws("", *values)
    lines = F.instr(whole, "\n") + F.instr(whole, "\r") > 0
    # A quote that is never closed takes lines into its value that are rows: Spark keeps the quote where one follows that does not
    # close it, and says nothing where none follows, so that the file's number of quotes is odd.
    opened = lines & F.exists(F.array(*values), lambda value: value.startswith(quote)) if quote else F.lit(False)

    def judged(odd: list[str]) -> DataFrame:
        why = F.when(F.col("_record").isNotNull(), f"has not the header's {len(columns)} fields")
        why = why.when(F.instr(whole, "\ufffd") > 0, f"has bytes that are not {said.get('encoding', said.get('charset', 'UTF-8'))}")
        why = why.when(opened | (lines & F.col("_file").isin(odd)), "has a quote that is perhaps never closed")
        record = F.coalesce("_record", F.to_csv(F.struct(*values), {"sep": said.get("sep", said.get("delimiter", ","))}))
        return frame.withColumn("_reason", why).withColumn("_record", F.when(F.col("_reason").isNotNull(), record))

    with reading(first if len(files) == 1 else asked.raw):
        rows, rejected, with_lines = counts(judged([]), F.sum(lines.cast("int")))
        odd = odd_quotes(spark, asked.raw, quote) if with_lines and quote and options["multiLine"] == "true" else []
        if odd:
            rows, rejected, _ = counts(judged(odd), F.lit(0))
    return judged(odd), rows, rejected


def odd_quotes(spark: SparkSession, place: str, quote: str) -> list[str]:
    """Files in which quotes can't be pairs."""
    lines = spark.read.option("recursiveFileLookup", "true").text(place).withColumn("_file", file_name())
    quotes = lines.groupBy("_file").agg(F.sum(F.length("value") - F.length(F.replace("value", F.lit(quote), F.lit("")))).alias("n"))
    return [row["_file"] for row in quotes.where("n % 2 = 1").collect()]


def read_parquet(spark: SparkSession, asked: argparse.Namespace, files: dict[str, int]) -> tuple[DataFrame, int, int]:
    """Columns as the files have them, all of them."""
    options = {"mergeSchema": "true"} | asked.options | {"recursiveFileLookup": "true"}
    with reading(min(files) if len(files) == 1 else asked.raw):
        frame = spark.read.options(**options).parquet(asked.raw).withColumn("_file", file_name())
        rows = frame.count()
    return frame.withColumn("_reason", F.lit(None).cast("string")).withColumn("_record", F.lit(None).cast("string")), rows, 0


def counts(frame: DataFrame, *more: Any) -> Any:
    """Rows, and those that were rejected."""
    return frame.agg(F.count(F.lit(1)), F.count("_reason"), *more).first()


def quoted(name: str) -> str:
    """A column's name that may hold anything."""
    return "`" + name.replace("`", "``") + "`"


# --- JSON ----------------------------------------------------------------------------------------------------------------------


def read_json(spark: SparkSession, asked: argparse.Namespace, files: dict[str, int]) -> tuple[DataFrame, int, int]:
    """`_document`, the text of each document as it stands in its file, and `_file`; what is no object with `_reason` and `_record`."""
    reader = spark.read.option("recursiveFileLookup", "true")
    if asked.format == "json":
        # Pieces up to the next brace are short however long a line is, and one task has those of a file, in their order.
        together = max(1, len(files) // (4 * spark.sparkContext.defaultParallelism))
        spark.conf.set("spark.sql.files.maxPartitionBytes", FILE_BYTES)
        spark.conf.set("spark.sql.files.openCostInBytes", FILE_BYTES // together)
        reader = reader.option("lineSep", "}")
    pieces = reader.text(asked.raw).select(file_name().alias("_file"), F.col("value").cast("binary"))
    found = pieces.rdd.mapPartitions(partial(documents, array=asked.format == "json"))
    frame = spark.createDataFrame(found, DOCUMENT, verifySchema=False)
    with reading(min(files) if len(files) == 1 else asked.raw):
        rows, rejected = counts(frame)
    return frame, rows, rejected


def documents(pieces: Iterable[tuple[str, bytes]], array: bool) -> Iterator[tuple[str | None, str, str | None, str | None]]:
    """Rows of `DOCUMENT` of the pieces of files, which are lines or, of an array, what braces end."""
    for name, group in groupby(pieces, lambda piece: piece[0]):
        contents = (bytes(content) for _, content in group)
        for document, wrong in elements(contents, name) if array else lines_of(contents):
            yield (None, name, wrong, document) if wrong else (document, name, None, None)


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")


def decoder() -> json.JSONDecoder:
    """Python's, strict; numbers stay text, since they are looked at and not taken. Each task makes its own: it can't be sent to one."""
    return json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_constant)


_BLANK = re.compile(r"[ \t\n\r]*")
_OUTSIDE = re.compile(r'[^"{}\[\]]*+(?:"(?:[^"\\]++|\\.)*+"[^"{}\[\]]*+)*+', re.S)  # up to a bracket, or a string that goes on
_INSIDE = re.compile(r'(?:[^"\\]++|\\.)*+', re.S)


def not_object(value: Any) -> str | None:
    """What is wrong with a document."""
    return None if isinstance(value, dict) else f"is no object: {json.dumps(value)[:40]}"


def lines_of(lines: Iterable[bytes]) -> Iterator[tuple[str, str | None]]:
    """Each line that is not blank, and what is wrong with it."""
    decode = decoder().decode
    for line in lines:
        shown = line.decode(errors="replace")
        if not shown.strip():
            continue
        try:
            yield (found := line.decode()), not_object(decode(found))
        except UnicodeDecodeError as error:
            yield shown, f"has a byte that is not UTF-8, the {error.start + 1}th"
        except (ValueError, RecursionError) as error:
            yield shown, f"is no JSON: {_short(error)}, column {getattr(error, 'pos', 0) + 1}"


def _short(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def elements(pieces: Iterable[bytes], name: str) -> Iterator[tuple[str, str | None]]:
    """The text of each element of an array, character by character, and what is wrong with it; of the file little is held at a time.

    Args:
        pieces: the file, cut at each `}`, which is left out.

    Raises:
        Broken: the file is no array; the message has its name, line and column.
    """
    scan = Scan(name)
    for part in joined(pieces):
        try:
            yield from scan.feed(part.decode())
        except UnicodeDecodeError as error:
            raise scan.broken("a byte that is not UTF-8", "".join(scan.kept) + error.object[: error.start].decode()) from None
    scan.end()


def joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The text again, in parts that begin at a brace: few enough, and none much longer than a document, or than 64 KB."""
    held, size = [], 0
    for piece in pieces:
        held.append(piece)
        size += len(piece) + 1
        if size > 1 << 16:
            yield b"}".join(held)
            held, size = [b""], 0
    if held != [b""]:
        yield b"}".join(held)


class Scan:
    """Where in the text of an array we are, and the text that no element was made of yet."""

    def __init__(self, name: str) -> None:
        self.name, self.lines, self.columns, self.decode = name, 0, 0, decoder().raw_decode
        self.kept: list[str] = []
        self.depth, self.inside, self.wanted = 0, "", "["

    def feed(self, more: str) -> Iterator[tuple[str, str | None]]:
        """Take text; the elements that it completes."""
        self.kept.append(more)
        if cut := self._look(more):
            text = "".join(self.kept)
            at = yield from self._take(text, len(text) - len(more) + cut)
            self.kept = [text[at:]]

    def _look(self, text: str) -> int:
        """Go through new text; how far the last bracket is that ended an element, or the array."""
        at, cut = int(self.inside == "\\"), 0  # what follows a backslash is none of ours
        while at < len(text):
            if self.inside:
                at = _INSIDE.match(text, at).end()  # type: ignore[union-attr]
                self.inside = {"": '"', '"': "", "\\": "\\"}[text[at : at + 1]]
                at += 1
                continue
            at = _OUTSIDE.match(text, at).end()  # type: ignore[union-attr]
            self.inside = '"' if text[at : at + 1] == '"' else ""
            self.depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(text[at : at + 1], 0)
            at += 1
            if self.depth <= 1 and text[at - 1 : at] in {"}", "]"}:
                cut = at
        return cut

    def _take(self, text: str, end: int) -> Generator[tuple[str, str | None], None, int]:
        """The elements of what is kept, up to `end`, which is behind one, or behind the array; where it went on."""
        at = 0
        while (at := _BLANK.match(text, at).end()) < end:  # type: ignore[union-attr]
            seen = text[at]
            if self.wanted == "a value" or (self.wanted == "a value or ]" and seen != "]"):
                try:
                    value, to = self.decode(text, at)
                except (ValueError, RecursionError) as error:
                    raise self.broken(_short(error), text[: getattr(error, "pos", at)]) from None
                yield text[at:to], not_object(value)
                at, self.wanted = to, ", or ]"
            elif seen in self.wanted and seen in "[],":
                at, self.wanted = at + 1, {"[": "a value or ]", ",": "a value", "]": "nothing more"}[seen]
            else:
                hint = ". Is it --format jsonl?" if self.wanted == "[" and seen == "{" else ""
                raise self.broken(f"{seen!r} where {self.wanted} should be{hint}", text[:at])
        self._pass(text[:at])
        return at

    def _pass(self, text: str) -> None:
        newlines = text.count("\n")
        self.lines, self.columns = self.lines + newlines, len(text) - text.rfind("\n") - 1 + self.columns * (not newlines)

    def end(self) -> None:
        """The file is at its end."""
        text = "".join(self.kept)
        list(self._take(text, len(text)))
        if self.wanted != "nothing more":
            raise self.broken(f"the file ends where {self.wanted} should be", "")

    def broken(self, wrong: str, before: str) -> Broken:
        """What is wrong behind `before`, of the text that is kept."""
        self._pass(before)
        return Broken(f"Broken: {self.name}, line {self.lines + 1}, column {self.columns + 1}: {wrong}")


# --- What went wrong -----------------------------------------------------------------------------------------------------------


@contextmanager
def reading(where: str) -> Iterator[None]:
    """What fails while files are read is the fault of the file that Spark, or we, named; else of `where`."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        if ours := re.search(r"Broken: (.*?), (line \d+.*)", str(error)):
            raise Refused(FORMAT, ours[1], ours[2]) from error
        named = re.search(r"(?:reading file|CSV file:) (\S+?)\.?(?=\s|$)", str(error))
        raise Refused(FORMAT, named[1] if named else where, reason(error)) from error


def reason(error: Exception) -> str:
    """Of Spark's many lines the one that says why."""
    told = str(error)
    if header := re.search(r"CSV header does not conform to the schema\.\s+Header: (.*)\s+Schema: (.*)", told):
        return f"has the columns {header[1]}, where another file has {header[2]}"
    first = told.splitlines()[0]
    causes = re.findall(r"^(?:Caused by: |: )((?:[\w$]+\.)+[\w$]+)(?:: (.+))?$", told, re.M)
    # Of a condition the first line says all, but of a file that can't be read only which one.
    said = first if re.match(r"\[(?!FAILED_READ_FILE)", first) or not causes else causes[-1][1] or causes[-1][0]
    return re.sub(r"\s+SQLSTATE: \w+.*", "", said).strip()


READERS = {"csv": read_csv, "json": read_json, "jsonl": read_json, "parquet": read_parquet}

if __name__ == "__main__":
    if code := main(sys.argv[1:]):  # a job of Glue that leaves by 0 may count as failed
        sys.exit(code)
