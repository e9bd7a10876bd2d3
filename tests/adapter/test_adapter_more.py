"""Contracts, hooks, unit tests, clones, samples, snapshots, seeds and the rest. docs/adapter-tests.md says why which test differs."""

import re
from typing import Any

import pytest
import yaml
from dbt.tests.adapter.aliases.fixtures import MACROS__EXPECT_VALUE_SQL
from dbt.tests.adapter.aliases.test_aliases import BaseAliasErrors, BaseAliases
from dbt.tests.adapter.caching.test_caching import (
    BaseCachingLowercaseModel,
    BaseCachingSelectedSchemaOnly,
    BaseCachingTest,
    BaseNoPopulateCache,
)
from dbt.tests.adapter.concurrency.test_concurrency import BaseConcurrency
from dbt.tests.adapter.constraints import fixtures as constraints
from dbt.tests.adapter.constraints.test_constraints import (
    BaseConstraintsRollback,
    BaseIncrementalConstraintsColumnsEqual,
    BaseIncrementalConstraintsRollback,
    BaseTableConstraintsColumnsEqual,
    BaseTableContractSqlHeader,
    BaseViewConstraintsColumnsEqual,
)
from dbt.tests.adapter.dbt_clone.test_dbt_clone import BaseClonePossible
from dbt.tests.adapter.dbt_show.test_dbt_show import BaseShowDoesNotHandleDoubleLimit, BaseShowLimit, BaseShowSqlHeader
from dbt.tests.adapter.empty.test_empty import BaseTestEmpty, BaseTestEmptyInlineSourceRef
from dbt.tests.adapter.ephemeral.test_ephemeral import BaseEphemeralErrorHandling, BaseEphemeralMulti, BaseEphemeralNested
from dbt.tests.adapter.grants.test_model_grants import BaseModelGrants
from dbt.tests.adapter.hooks.test_run_hooks import BaseAfterRunHooks
from dbt.tests.adapter.persist_docs.test_persist_docs import (
    BasePersistDocsAllColumnsMissing,
    BasePersistDocsQuotedColumnCaseSensitive,
)
from dbt.tests.adapter.query_comment.test_query_comment import BaseMacroQueryComments, BaseNullQueryComments, BaseQueryComments
from dbt.tests.adapter.relations.test_changing_relation_type import BaseChangeRelationTypeValidator
from dbt.tests.adapter.sample_mode.test_sample_mode import BaseSampleModeTest
from dbt.tests.adapter.simple_copy.test_simple_copy import SimpleCopyBase
from dbt.tests.adapter.simple_seed.seeds import seeds__expected_sql
from dbt.tests.adapter.simple_seed.test_seed import BaseBasicSeedTests, BaseTestEmptySeed
from dbt.tests.adapter.simple_snapshot.test_snapshot import BaseSnapshotCheck
from dbt.tests.adapter.store_test_failures_tests import basic
from dbt.tests.adapter.store_test_failures_tests.test_store_test_failures import BaseStoreTestFailures
from dbt.tests.adapter.unit_testing.test_case_insensitivity import BaseUnitTestCaseInsensivity
from dbt.tests.adapter.unit_testing.test_invalid_input import BaseUnitTestInvalidInput
from dbt.tests.adapter.unit_testing.test_types import BaseUnitTestingTypes
from dbt.tests.util import check_relations_equal, run_dbt, run_dbt_and_capture, write_file

_MODELS = {"+file_format": "delta", "+incremental_strategy": "merge", "+meta": {"on_tombstone": "ignore"}}
_SPARK_YML = (
    constraints.model_schema_yml.replace("          - type: primary_key\n", "").replace("text", "string").replace("integer", "int")
)


class _NoText:
    """Spark has no type `text`."""

    @pytest.fixture(scope="class")
    def macros(self) -> dict[str, str]:
        literal = "{% macro string_literal(s) -%} '{{ s }}' {%- endmacro %}"
        return {"cast.sql": literal, "expect_value.sql": MACROS__EXPECT_VALUE_SQL}


class TestAliases(_NoText, BaseAliases):
    pass


class TestAliasErrors(_NoText, BaseAliasErrors):
    pass


class _NoDatabase(BaseCachingTest):
    """A relation of Spark's has a schema and no database above it, whose name dbt's test would compare."""

    def run_and_inspect_cache(self, project: Any, run_args: Any = None) -> None:
        seen = []
        for _ in range(2):
            run_dbt(run_args)
            assert len(project.adapter.cache.relations) == 1
            seen.append(next(iter(project.adapter.cache.relations)))
        assert {(each.database, each.schema, each.identifier) for each in seen} == {(None, project.test_schema, "model")}


class TestCachingLowercaseModel(_NoDatabase, BaseCachingLowercaseModel):
    pass


class TestCachingSelectedSchemaOnly(_NoDatabase, BaseCachingSelectedSchemaOnly):
    def test_cache(self, project: Any) -> None:
        self.run_and_inspect_cache(project, ["--cache-selected-only", "run", "--select", "model"])


class TestNoPopulateCache(_NoDatabase, BaseNoPopulateCache):
    def test_cache(self, project: Any) -> None:
        self.run_and_inspect_cache(project, ["--no-populate-cache", "run"])


class TestConcurrency(BaseConcurrency):
    pass


class _OurContract:
    """A contract is refused in our words, and by exact types."""

    @pytest.fixture
    def data_types(self) -> list[tuple[str, str]]:
        return [
            ("1", "int"),
            ("'1'", "string"),
            ("true", "boolean"),
            ("array('1', '2')", "array<string>"),
            ("array(1, 2)", "array<int>"),
            ("cast('2019-01-01' as date)", "date"),
            ("cast('2019-01-01' as timestamp)", "timestamp"),
            ("cast(1.0 as decimal(4, 2))", "decimal(4,2)"),
        ]

    @staticmethod
    def written(value: str, kind: str) -> None:
        write_file(constraints.my_model_data_type_sql.format(sql_value=value), "models", "my_model_data_type.sql")
        write_file(constraints.model_data_type_schema_yml.format(data_type=kind), "models", "constraints_schema.yml")

    def test__constraints_wrong_column_names(self, project: Any) -> None:
        _, said = run_dbt_and_capture(["run", "-s", "my_model_wrong_name"], expect_pass=False)
        assert "Promised, not given: id int" in said and "Given, not promised: error int" in said

    def test__constraints_wrong_column_data_types(self, project: Any, data_types: list[tuple[str, str]]) -> None:
        for value, kind in data_types:
            wrong = "decimal(5,2)" if kind.startswith("decimal") else "string" if kind == "int" else "int"
            self.written(value, wrong)
            _, said = run_dbt_and_capture(["run", "-s", "my_model_data_type"], expect_pass=False)
            assert f"not given: wrong_data_type_column_name {wrong}" in said, kind
            assert f"not promised: wrong_data_type_column_name {kind}" in said

    def test__constraints_correct_column_data_types(self, project: Any, data_types: list[tuple[str, str]]) -> None:
        for value, kind in data_types:
            self.written(value, kind)
            assert len(run_dbt(["run", "-s", "my_model_data_type"])) == 1


def _spark_models(order: str, name: str) -> Any:
    """The test's models, whose columns have types by Spark's names; a primary key is none of Delta's."""

    @pytest.fixture(scope="class")
    def models(self: Any) -> dict[str, str]:
        return {"my_model_wrong_order.sql": order, "my_model_wrong_name.sql": name, "constraints_schema.yml": _SPARK_YML}

    return models


class TestTableConstraintsColumnsEqual(_OurContract, BaseTableConstraintsColumnsEqual):
    models = _spark_models(constraints.my_model_wrong_order_sql, constraints.my_model_wrong_name_sql)


class TestViewConstraintsColumnsEqual(_OurContract, BaseViewConstraintsColumnsEqual):
    models = _spark_models(constraints.my_model_view_wrong_order_sql, constraints.my_model_view_wrong_name_sql)


class TestIncrementalConstraintsColumnsEqual(_OurContract, BaseIncrementalConstraintsColumnsEqual):
    models = _spark_models(constraints.my_model_incremental_wrong_order_sql, constraints.my_model_incremental_wrong_name_sql)


class TestTableConstraintsRollback(BaseConstraintsRollback):
    @pytest.fixture(scope="class")
    def models(self) -> dict[str, str]:
        return {"my_model.sql": constraints.my_model_sql, "constraints_schema.yml": _SPARK_YML}

    @pytest.fixture(scope="class")
    def expected_error_messages(self) -> list[str]:
        return ["id"]

    @pytest.fixture(scope="class")
    def expected_color(self) -> str:
        return "red"  # Delta checks a constraint as it is added, which is after the table was replaced


class TestIncrementalConstraintsRollback(BaseIncrementalConstraintsRollback):
    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        return {"models": {**_MODELS, "+unique_key": "date_day", "+full_refresh": False}}

    @pytest.fixture(scope="class")
    def models(self) -> dict[str, str]:
        return {"my_model.sql": constraints.my_incremental_model_sql, "constraints_schema.yml": _SPARK_YML}

    @pytest.fixture(scope="class")
    def expected_error_messages(self) -> list[str]:
        return ["constraint", "id"]


@pytest.mark.xfail(strict=True, reason="the header is PostgreSQL's; the Thrift server takes one statement at a time")
class TestTableContractSqlHeader(BaseTableContractSqlHeader):
    pass


class TestClonePossible(BaseClonePossible):
    pass


class TestShowLimit(BaseShowLimit):
    pass


class TestShowSqlHeader(BaseShowSqlHeader):
    pass


class TestShowDoesNotHandleDoubleLimit(BaseShowDoesNotHandleDoubleLimit):
    DATABASE_ERROR_MESSAGE = "limit"


class TestRunWithEmpty(BaseTestEmpty):
    pass


class TestEmptyInlineSourceRef(BaseTestEmptyInlineSourceRef):
    pass


class TestEphemeralMulti(BaseEphemeralMulti):
    def test_ephemeral_multi(self, project: Any) -> None:
        """dbt's test compares PostgreSQL's text as well."""
        run_dbt(["seed"])
        assert len(run_dbt(["run"])) == 3
        for model in ("dependent", "double_dependent", "super_dependent"):
            check_relations_equal(project.adapter, ["seed", model])


class TestEphemeralNested(BaseEphemeralNested):
    def test_ephemeral_nested(self, project: Any) -> None:
        assert len(run_dbt(["run"])) == 2
        check_relations_equal(project.adapter, ["source_table", "root_view"])


class TestEphemeralErrorHandling(BaseEphemeralErrorHandling):
    pass


@pytest.mark.xfail(strict=True, reason="Spark's own server knows no users and no grants")
class TestModelGrants(BaseModelGrants):
    @pytest.fixture(scope="class", autouse=True)
    def users(self) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            for number in (1, 2, 3):
                patch.setenv(f"DBT_TEST_USER_{number}", f"user{number}")
            yield


class TestAfterRunHooks(BaseAfterRunHooks):
    pass


@pytest.mark.xfail(strict=True, reason="dbt-spark 1.11.0 passes over columns that are not there without a word")
class TestPersistDocsAllColumnsMissing(BasePersistDocsAllColumnsMissing):
    pass


@pytest.mark.xfail(strict=True, reason="dbt-spark 1.11.0 passes over columns that are not there without a word")
class TestPersistDocsQuotedColumnCaseSensitive(BasePersistDocsQuotedColumnCaseSensitive):
    pass


class TestPersistDocs:
    """Descriptions become comments, of Delta tables, of views and of seeds."""

    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        docs = {"+persist_docs": {"relation": True, "columns": True}}
        return {"models": _MODELS | docs, "seeds": {"+file_format": "delta", "+quote_columns": False} | docs}

    @pytest.fixture(scope="class")
    def models(self) -> dict[str, str]:
        told = [
            {"name": name, "description": f"what {name} is", "columns": [{"name": "id", "description": "'the' \"key\""}]}
            for name in ("a_table", "a_view", "merged")
        ]
        return {
            "a_table.sql": "{{ config(materialized='table') }} select id, name from {{ ref('a_seed') }}",
            "a_view.sql": "select id, name from {{ ref('a_seed') }}",
            "merged.sql": "{{ config(materialized='incremental', unique_key='id') }} select id, name from {{ ref('a_seed') }}",
            "schema.yml": yaml.safe_dump(
                {"models": told, "seeds": [told[0] | {"name": "a_seed", "description": "what a_seed is"}]}
            ),
        }

    @pytest.fixture(scope="class")
    def seeds(self) -> dict[str, str]:
        return {"a_seed.csv": "id,name\n1,one\n2,two\n"}

    def test_comments(self, project: Any) -> None:
        run_dbt(["build"])
        for name in ("a_table", "a_view", "merged", "a_seed"):
            said = project.run_sql(f"describe extended {project.test_schema}.{name}", fetch="all")
            assert ("id", "bigint", "'the' \"key\"") in [tuple(row) for row in said]
            assert [row[1] for row in said if row[0] == "Comment"] == [f"what {name} is"]


class TestQueryComments(BaseQueryComments):
    pass


class TestMacroQueryComments(BaseMacroQueryComments):
    pass


class TestNullQueryComments(BaseNullQueryComments):
    pass


class TestChangeRelationTypes(BaseChangeRelationTypeValidator):
    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        return {"models": {**_MODELS, "+unique_key": "materialization"}}


class TestSampleMode(BaseSampleModeTest):
    pass


class TestSimpleCopy(SimpleCopyBase):
    @pytest.mark.xfail(strict=True, reason="Spark's own server has no materialized views")
    def test_simple_copy_with_materialized_views(self, project: Any) -> None:
        super().test_simple_copy_with_materialized_views(project)

    def test_empty_and_disabled_models_make_nothing(self, project: Any) -> None:
        """dbt's test asks information_schema, which Spark's own catalog does not have."""
        run_dbt(["seed"])
        run_dbt(["run"])
        made = {row[1] for row in project.run_sql(f"show tables in {project.test_schema}", fetch="all")}
        assert "materialized" in made and not {"empty", "disabled"} & made


class TestEmptySeed(BaseTestEmptySeed):
    pass


class TestSeeds(BaseBasicSeedTests):
    """dbt's tests of a seed, beside a table that is written in Spark's SQL."""

    @pytest.fixture(scope="class", autouse=True)
    def setUp(self, project: Any) -> None:
        made = re.sub(r"TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP", seeds__expected_sql.format(schema=project.test_schema))
        create, insert = made.replace("TEXT", "STRING").split(";", 1)
        project.run_sql(create.replace("INTEGER", "BIGINT") + " using delta")
        project.run_sql(re.sub(r'\("seed_id".*?\)', "", insert, count=1).strip().rstrip(";"))

    def test_simple_seed_full_refresh_flag(self, project: Any) -> None:
        """Spark drops no view with its table, as dbt's test expects of it."""
        self._build_relations_for_test(project)
        self._check_relation_end_state(run_result=run_dbt(["seed", "--full-refresh"]), project=project, exists=True)


class TestSnapshotCheck(BaseSnapshotCheck):
    pass


class TestStoreTestFailures(BaseStoreTestFailures):
    @pytest.fixture(scope="class")
    def project_config_update(self) -> dict[str, Any]:
        failures = {"+schema": "dbt_test__aud", "+store_failures": True, "+file_format": "delta"}
        return {
            "seeds": {"+quote_columns": False, "+file_format": "delta", "test": self.column_type_overrides()},
            "data_tests": failures,
        }


class TestStoreTestFailuresAsInteractions(basic.StoreTestFailuresAsInteractions):
    pass


class TestStoreTestFailuresAsGeneric(basic.StoreTestFailuresAsGeneric):
    pass


class TestStoreTestFailuresAsExceptions(basic.StoreTestFailuresAsExceptions):
    pass


class TestUnitTestCaseInsensivity(BaseUnitTestCaseInsensivity):
    pass


class TestUnitTestInvalidInput(BaseUnitTestInvalidInput):
    pass


class TestUnitTestingTypes(BaseUnitTestingTypes):
    @pytest.fixture
    def data_types(self) -> list[list[str]]:
        return [
            ["1", "1"],
            ["2.0", "2.0"],
            ["'12345'", "12345"],
            ["'string'", "string"],
            ["true", "true"],
            ["date '2011-11-11'", "2011-11-11"],
            ["timestamp '2013-11-03 00:00:00-0'", "2013-11-03 00:00:00-0"],
            ["array(1, 2, 3)", "'array(1, 2, 3)'"],
            ["named_struct('a', 1, 'b', 2)", """'named_struct("a", 1, "b", 2)'"""],
        ]
