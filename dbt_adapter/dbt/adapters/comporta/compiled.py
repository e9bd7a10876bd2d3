"""What decides how a model is compiled: its text, the macros that may run in it, the values of variables."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from dbt.adapters.comporta import origin
from dbt.adapters.comporta.relation import sample_of
from dbt.adapters.spark import SparkAdapter

from lakehouse.engines.sqltext import bare

_DBTS_OWN = {"dbt", "dbt_spark"}  # packages of macros whose version is noted
_BESIDE = {"tags", "docs", "group", "access", "enabled"}  # what a model's config says that is not about its rows
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_WORD = re.compile(r"[^\W\d]\w*")
_VARIABLE = re.compile(r"\b(env_var|var)\s*\(\s*\W*(\w+)")  # within text that may be quoted once more
_ANY_VARIABLE = re.compile(r"\bvar\s*\(\s*(?!['\"]\w+['\"]\s*[,)])")
# A macro whose name is told only as the query is compiled: by what stands in brackets, or in a variable.
_ANY_MACRO = re.compile(
    r"\bcontext\s*(?:\[\s*(?!['\"]\w+['\"]\s*\])|\.\s*get\s*\(\s*(?!['\"]\w+['\"]\s*[,)])|\.\s*(?:items|values)\b)"
    r"|\bdispatch\s*\(\s*(?:macro_name\s*=\s*)?(?!['\"]\w+['\"]\s*[,)])|\|\s*attr\b"
)


class CompiledAdapter(SparkAdapter):
    """What an adapter tells of a model's code."""

    def _as_written(self, model: Mapping[str, Any]) -> str:
        """Digest of the model as it is written: its query, macros and variables in it, and its config; no comments, no blanks."""
        config = {name: value for name, value in model["config"].items() if name not in _BESIDE}
        columns = {name: column.get("data_type") for name, column in model["columns"].items()}
        text = self._text_of(model["raw_code"], model["depends_on"]["macros"])
        return origin.digest(text, config, columns, sample_of(self.config.target_name))

    def _text_of(self, query: str, macros: Iterable[str]) -> list[Any]:
        """What decides how a query is compiled: its text, the macros in it, and the values of the variables in either."""
        within = {number: bare(text) for number, text in sorted(self._macros_within(query, macros).items())}
        texts = [bare(query), within]
        said = str(texts)
        values = {
            (kind, name): os.environ.get(name) if kind == "env_var" else list(self._values_of(name))
            for kind, name in _VARIABLE.findall(said)
        }
        every = self._places() if _ANY_VARIABLE.search(query + "".join(within.values())) else []
        return [*texts, sorted(values.items()), every]

    def _values_of(self, variable: str) -> Iterator[Any]:
        """What a variable is set to, wherever that may be: for all packages or for one."""
        for place in self._places():
            yield place.get(variable)
            yield from (each[variable] for _, each in sorted(place.items()) if isinstance(each, dict) and variable in each)

    def _places(self) -> list[dict[str, Any]]:
        projects = [self.config, *(one for name, one in sorted(self.config.load_dependencies().items()) if one is not self.config)]
        return [dict(self.config.cli_vars), *(one.vars.to_dict() for one in projects)]

    def _macros_within(self, query: str, macros: Iterable[str]) -> dict[str, str]:
        """Text of the macros that may run as `query` is compiled, by id, but for dbt's own.

        dbt lists those that a query calls, as it reads it without a server. A macro that is passed on, called behind
        `if execute`, or dispatched is named in the text as well; where a name is put together, it may be any.

        Args:
            macros: ids of those that dbt lists.
        """
        known = self._macros_by_name()
        manifest: Any = self.get_macro_resolver()
        texts, found = [query], dict[str, str]()
        words = {number.rpartition(".")[2] for number in macros}
        seen: set[str] = set()
        while words or texts:
            for text in texts:
                words |= _words(text)
                if _ANY_MACRO.search(text):
                    words |= known.keys()
            texts = []
            for macro in (macro for name in words - seen for macro in known.get(name, ())):
                if macro.package_name in _DBTS_OWN:
                    texts.append("{{ " + " ".join(number.rpartition(".")[2] for number in macro.depends_on.macros) + " }}")
                elif (number := _number(macro, manifest)) not in found:
                    found[number] = macro.macro_sql
                    texts.append(macro.macro_sql)
            seen |= words
            words = set()
        return found

    def _macros_by_name(self) -> dict[str, list[Any]]:
        """Macros by their names, and by those that are dispatched to them: `star` to `spark__star`."""
        manifest: Any = self.get_macro_resolver()
        held: tuple[Any, dict[str, list[Any]]] | None = getattr(self, "_named_macros", None)
        if held is None or held[0] is not manifest:
            names: dict[str, list[Any]] = {}
            for macro in manifest.macros.values():
                for name in {macro.name, macro.name.partition("__")[2]} - {""}:
                    names.setdefault(name, []).append(macro)
            self._named_macros = held = manifest, names
        return held[1]

    def _surroundings(self) -> str:
        """Digest of what is the same for all models: macros, packages, the session's settings."""
        manifest: Any = self.get_macro_resolver()
        macros = {
            _number(macro, manifest): macro.macro_sql for macro in manifest.macros.values() if macro.package_name not in _DBTS_OWN
        }
        packages = {name: version(name) for name in ("pyspark", "delta-spark", "dbt-core", "dbt-spark")}
        return origin.digest(macros, packages, self.config.credentials.server_side_parameters)


def _number(macro: Any, manifest: Any) -> str:
    """The macro's id for digests: those of the adapter have that of the project `comporta`, where they stood when many a lake was made."""
    former = macro.unique_id.replace("macro.dbt_comporta.", "macro.comporta.", 1)
    return str(macro.unique_id) if former in manifest.macros else str(former)


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    """Words within the Jinja of a text."""
    return frozenset(_WORD.findall(" ".join(_JINJA.findall(text))))
