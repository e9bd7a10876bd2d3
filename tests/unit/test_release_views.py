"""A view of two releases has the columns of the new one, and no value of the old one is bent."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse.settings import Settings
from lakehouse.tables import candidate
from releases import view


def made(settings: Settings, *versions: pa.Table) -> None:
    place = candidate.location(settings, "gold", "t")
    for version in versions:
        write_deltalake(place, version, mode="overwrite", schema_mode="overwrite")


def ddl(tmp_path: Path, *versions: pa.Table) -> str | None:
    settings = Settings(var_dir=tmp_path)
    made(settings, *versions)
    return view.either(settings, "gold", "t", view.ReaderView(0), view.ReaderView(1))


OLD = pa.table({"id": pa.array([1], pa.int32()), "price": pa.array([1.5], pa.float32()), "gone": ["x"]})


def test_a_new_column_is_null_before_the_moment_and_a_wider_one_is_wide(tmp_path: Path) -> None:
    new = pa.table({"id": pa.array([1], pa.int64()), "price": pa.array([1.5], pa.float64()), "it`s new": ["y"]})
    said = ddl(tmp_path, OLD, new)
    assert said is not None
    columns = "select cast(`id` as long) as `id`, cast(`price` as double) as `price`, cast(null as string) as `it``s new` from"
    assert columns in said and "version as of 0) where current_timestamp() <" in said
    assert "`gone`" not in said


@pytest.mark.parametrize("new", [pa.array(["1"]), pa.array([1], pa.int16()), pa.array([1.0], pa.float64()), pa.array([[1]])])
def test_columns_that_can_t_be_one_are_refused(tmp_path: Path, new: pa.Array) -> None:
    assert ddl(tmp_path, OLD, pa.table({"id": new})) is None


@pytest.mark.parametrize(
    ("held", "wanted", "widens"),
    [
        ("decimal(10,2)", "decimal(12,2)", True),
        ("decimal(10,2)", "decimal(12,4)", True),
        ("decimal(10,2)", "decimal(11,4)", False),
        ("decimal(10,2)", "double", False),
        ("byte", "long", True),
        ("long", "integer", False),
        ("date", "timestamp", False),
        ("array<integer>", "array<long>", False),
    ],
)
def test_a_type_is_widened_only_where_each_value_stays(held: str, wanted: str, widens: bool) -> None:
    assert view._widens(held, wanted) == widens


def test_a_table_that_was_not_there_has_no_rows_before_the_moment(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    made(settings, OLD)
    said = view.either(settings, "gold", "t", None, view.ReaderView(0))
    assert said is not None and said.count("version as of") == 1 and "current_timestamp() >=" in said
