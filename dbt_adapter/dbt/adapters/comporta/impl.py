"""dbt-spark's adapter, and what our materializations ask it: may this model be left alone, may it go on, and from which batch."""

import os
from contextlib import AbstractContextManager
from typing import Any

from dbt.adapters.base import available
from dbt.adapters.comporta.planning import PlanningAdapter
from dbt_common.exceptions import DbtRuntimeError

from lakehouse import machine
from lakehouse.errors import LockError, StorageError
from lakehouse.store import lock


class ComportaAdapter(PlanningAdapter):
    """dbt-spark's, with what is said in `origin`."""

    def __init__(self, config: Any, mp_context: Any) -> None:
        super().__init__(config, mp_context)
        for each in getattr(config, "dispatch", ()):
            # A search order that a package's manual gives knows nothing of this project, where the merge is. dbt's own order begins here.
            if config.project_name not in each["search_order"]:
                each["search_order"].insert(0, config.project_name)
        self._writing: AbstractContextManager[None] | None = None

    @classmethod
    def type(cls) -> str:
        """The adapter's name."""
        return "comporta"

    def set_macro_resolver(self, macro_resolver: Any) -> None:
        """Keep the manifest, so that an error can name the model's file."""
        super().set_macro_resolver(macro_resolver)
        self.connections.nodes = getattr(macro_resolver, "nodes", {})

    @available
    def begin_writing(self, what: str) -> None:
        """Take the lake's write lock until this process ends; nothing happens where a command of ours has it and runs dbt.

        Raises:
            DbtRuntimeError: another process writes; says which and since when. Or the lake can't be written.
        """
        if os.environ.get(lock.HELD) or self._writing is not None:
            return
        self._writing = machine.writing(self._settings(), what)
        try:
            self._writing.__enter__()
        except (LockError, StorageError) as error:
            self._writing = None
            raise DbtRuntimeError(str(error)) from None
        for mark in (self._settings().var_dir / "state").glob("built_*.json"):
            mark.unlink()  # what `make run` noted that it built: views may be other ones after this

    @available
    def has_ephemeral_parents(self, model: dict[str, Any]) -> bool:
        """Whether dbt puts other models' queries into this one's."""
        manifest: Any = self.get_macro_resolver()
        nodes = (manifest.nodes.get(number) for number in model["depends_on"]["nodes"])
        return any(getattr(node, "is_ephemeral_model", False) for node in nodes)
