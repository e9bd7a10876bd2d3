"""Names of the types of Delta tables."""

from deltalake import DeltaTable
from deltalake.schema import ArrayType, DataType, MapType, StructType


def spark_types(table: DeltaTable) -> dict[str, str]:
    """Column names and Delta's names of their types, as Spark writes them: `long`, `array<long>`, `struct<a:string>`."""
    return {field.name: _name(field.type) for field in table.schema().fields}


def _name(kind: DataType) -> str:
    if isinstance(kind, ArrayType):
        return f"array<{_name(kind.element_type)}>"
    if isinstance(kind, MapType):
        return f"map<{_name(kind.key_type)},{_name(kind.value_type)}>"
    if isinstance(kind, StructType):
        return f"struct<{','.join(f'{field.name}:{_name(field.type)}' for field in kind.fields)}>"
    return str(kind.type)
