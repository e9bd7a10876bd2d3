"""Incremental models, contracts, hooks, unit tests, clones, samples and the rest."""

# ruff: noqa: F401 - the classes are made from what is imported

from dbt.tests.adapter.aliases.test_aliases import BaseAliases
from dbt.tests.adapter.caching.test_caching import BaseCachingLowercaseModel, BaseNoPopulateCache
from dbt.tests.adapter.concurrency.test_concurrency import BaseConcurrency
from dbt.tests.adapter.constraints.test_constraints import (
    BaseIncrementalConstraintsRollback,
    BaseTableContractSqlHeader,
    BaseViewConstraintsColumnsEqual,
)
from dbt.tests.adapter.dbt_clone.test_dbt_clone import BaseClonePossible
from dbt.tests.adapter.dbt_show.test_dbt_show import BaseShowLimit, BaseShowSqlHeader
from dbt.tests.adapter.empty.test_empty import BaseTestEmpty, BaseTestEmptyInlineSourceRef
from dbt.tests.adapter.ephemeral.test_ephemeral import BaseEphemeralErrorHandling, BaseEphemeralMulti
from dbt.tests.adapter.hooks.test_run_hooks import BaseAfterRunHooks
from dbt.tests.adapter.incremental.test_incremental_merge_exclude_columns import BaseMergeExcludeColumns
from dbt.tests.adapter.incremental.test_incremental_on_schema_change import BaseIncrementalOnSchemaChange
from dbt.tests.adapter.incremental.test_incremental_predicates import BaseIncrementalPredicates
from dbt.tests.adapter.incremental.test_incremental_unique_id import BaseIncrementalUniqueKey
from dbt.tests.adapter.query_comment.test_query_comment import BaseMacroQueryComments, BaseNullQueryComments, BaseQueryComments
from dbt.tests.adapter.sample_mode.test_sample_mode import BaseSampleModeTest
from dbt.tests.adapter.simple_copy.test_simple_copy import EmptyModelsArentRunBase, SimpleCopyBase
from dbt.tests.adapter.simple_seed.test_seed import BaseSeedConfigFullRefreshOn, BaseTestEmptySeed
from dbt.tests.adapter.store_test_failures_tests.test_store_test_failures import BaseStoreTestFailures
from dbt.tests.adapter.unit_testing.test_case_insensitivity import BaseUnitTestCaseInsensivity
from dbt.tests.adapter.unit_testing.test_invalid_input import BaseUnitTestInvalidInput
from dbt.tests.adapter.unit_testing.test_types import BaseUnitTestingTypes

for _base in list(globals().values()):
    if isinstance(_base, type) and _base.__module__.startswith("dbt.tests."):
        _name = "Test" + _base.__name__.removeprefix("Base")
        globals()[_name] = type(_name, (_base,), {"__module__": __name__})
