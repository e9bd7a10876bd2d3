"""The Spark server as the tests' fixtures started it."""

from lakehouse.engines import catalog
from lakehouse.settings import Settings


def test_hives_functions_can_be_loaded(spark_server: Settings) -> None:
    # A Thrift session that meets them on closing, and can't load them, makes every later one that meets them wait for ever.
    statement = "select reflect('java.lang.Class', 'forName', 'org.apache.hadoop.hive.ql.exec.FunctionRegistry')"
    ((said,),) = catalog.thrift_rows(spark_server, statement)
    assert said.endswith("FunctionRegistry")


def test_the_latest_date_of_a_table_can_be_asked_over_thrift(spark_server: Settings) -> None:
    # Delta would answer it from statistics, and break off: in a session of the Thrift server a date is of a class that it does not expect.
    made = "create or replace table default.dated as select date '2026-01-02' as day, timestamp '2026-01-02 03:04:05' as at"
    ((day, count),) = catalog.thrift_rows(spark_server, made, "select max(day), count(*) from default.dated")
    catalog.thrift_rows(spark_server, "drop table default.dated")
    assert (str(day), count) == ("2026-01-02", 1)
