"""The Spark server as the tests' fixtures started it."""

from lakehouse import catalog
from lakehouse.settings import Settings


def test_hives_functions_can_be_loaded(spark_server: Settings) -> None:
    # A Thrift session that meets them on closing, and can't load them, makes every later one that meets them wait for ever.
    statement = "select reflect('java.lang.Class', 'forName', 'org.apache.hadoop.hive.ql.exec.FunctionRegistry')"
    ((said,),) = catalog.thrift_rows(spark_server, statement)
    assert said.endswith("FunctionRegistry")
