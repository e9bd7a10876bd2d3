"""The columns that a table of files has, and what becomes of files that differ: the rules. Reading is asked for, not done."""

from collections.abc import Callable, Sequence

import pyarrow as pa

from ingestion.sources.base import Change
from ingestion.sources.files import casts
from ingestion.sources.files.file_plan import FilePlan
from ingestion.sources.files.infer_sql import ColumnKinds
from ingestion.sources.files.text_file import DOCUMENT, TextFile
from lakehouse.errors import SourceError

Kinds = Callable[[Sequence[TextFile], Sequence[str]], dict[str, ColumnKinds]]


def agreed(plan: FilePlan, files: Sequence[TextFile], kinds: Kinds, tell: Callable[[str], None]) -> list[TextFile]:
    """The files that the table's columns allow; those columns, with what evolves, are the plan's afterwards.

    Args:
        kinds: tells what kinds the columns of files hold.
        tell: is told why a column is text though it could be taken for something else.

    Raises:
        SourceError: a column that is told or a key is in no file.
    """
    held, entry = dict(plan.contract), plan.entry
    fit = [file for file in files if not _refused(plan, file, held)]
    fresh = list(dict.fromkeys(name for file in fit for name in file.names if name not in held))
    if missing := [name for name in entry.columns if fit and name not in held and name not in fresh]:
        seen = f'has no column "{missing[0]}", which sources.yml tells the kind of'
        raise SourceError(plan.label, seen, f"one of {', '.join([*held, *fresh])}", "Mend columns in sources.yml")
    known = {DOCUMENT: "text"} | {name: kind for file in fit for name, kind in file.kinds.items()} | entry.columns
    asked = [name for name in fresh if name not in known]
    found = kinds(fit, asked)
    if asked and not held and not any(each.seen.filled for each in found.values()):  # a header alone says nothing of types
        plan.agree({})
        return fit
    comma = any(file.comma for file in fit) or any("comma" in each.seen.signs and each.seen.kinds for each in found.values())
    made = dict(held)
    for name in fresh:
        kind, why = (known[name], "") if name in known else found[name].kind(comma)
        made[name] = kind
        if why:
            tell(f"{name} stays text: {why}")
    if held and not plan.first:
        plan.changes += [Change("added", name, after=str(casts.target(made[name]))) for name in fresh]
    plan.agree(made)
    return fit


def _refused(plan: FilePlan, file: TextFile, held: dict[str, str]) -> str:
    """Why a file is not taken; it is noted."""
    why = ""
    if absent := [name for name in plan.entry.key if name not in file.names]:
        why = f'has no column "{absent[0]}", which is the key (its columns: {", ".join(file.names)})'
    elif held and plan.entry.contract == "freeze":
        added, dropped = [name for name in file.names if name not in held], [name for name in held if name not in file.names]
        seen = [*(f"{name} added" for name in added), *(f"{name} dropped" for name in dropped)]
        why = f"contract: freeze does not allow its columns: {', '.join(seen)}" if seen else ""
    elif held and not {*file.names} & {*held}:
        why = f"has none of the table's columns ({', '.join(held)}), but {', '.join(file.names)}"
    elif other := [
        f"{name} is {kind}, and {held[name]} in bronze" for name, kind in file.kinds.items() if not _holds(held.get(name), kind)
    ]:
        why = ", ".join(other)
    if why:
        plan.refused[file.staged.found.path] = f"{file.staged.found.path}: {why}."
    return why


def _holds(held: str | None, kind: str) -> bool:
    """Whether a column of bronze holds values of a file's kind."""
    if held is None or held == kind:
        return True
    one, other = casts.target(held), casts.target(kind)
    return bool(
        pa.types.is_decimal(one)
        and pa.types.is_decimal(other)
        and one.scale >= other.scale
        and one.precision - one.scale >= other.precision - other.scale
    )


def widened(plan: FilePlan, files: Sequence[TextFile], kinds: Kinds) -> dict[str, str]:
    """The columns whose kind all values of these files and all that bronze holds would be of, where theirs is too narrow."""
    if plan.entry.contract == "freeze":
        return {}
    numbers = [name for name, kind in plan.contract.items() if kind == "integer" or kind.startswith("number")]
    found = {}
    for name, each in kinds(files, [name for name in numbers if name not in plan.entry.columns]).items():
        if (wider := _wider(plan.contract[name], each)) and wider != plan.contract[name]:
            found[name] = wider
    return found


def _wider(before: str, seen: ColumnKinds) -> str:
    """The kind that numbers of both fit; empty if there is none."""
    kind, _ = seen.kind(False)
    base, form = kind.partition("(")[0], before.partition("(")[0]
    if not base.startswith("number") or form not in ("integer", base) or seen.exponent:
        return ""
    target = casts.target(before)
    scale = 0 if form == "integer" else target.scale
    whole = 19 if form == "integer" else target.precision - scale
    fraction = max(scale, seen.fraction)
    if fraction == scale and seen.whole <= whole:
        return before
    whole = max(whole, seen.whole)
    return f"{base}({whole + fraction},{fraction})" if whole + fraction <= 38 else ""
