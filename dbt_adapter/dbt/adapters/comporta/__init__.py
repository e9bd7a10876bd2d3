"""dbt's adapter for a lake of Comporta: dbt-spark's, which also knows what a table was built from, and whose errors can be read."""

from dbt.adapters.base import AdapterPlugin
from dbt.adapters.comporta.connections import ComportaConnectionManager, ComportaCredentials
from dbt.adapters.comporta.impl import ComportaAdapter
from dbt.adapters.comporta.target import say_spark
from dbt.include import comporta

__all__ = ["ComportaAdapter", "ComportaConnectionManager", "ComportaCredentials", "Plugin"]

Plugin = AdapterPlugin(
    adapter=ComportaAdapter,  # type: ignore[arg-type]
    credentials=ComportaCredentials,
    include_path=comporta.PACKAGE_PATH,
    dependencies=["spark"],
)

say_spark()
