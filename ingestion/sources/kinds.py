"""The kinds of sources there are: a room of `ingestion.sources`, or a module of somebody's own, as `kind` in sources.yml says."""

import importlib
import pkgutil

import ingestion.sources
from ingestion.sources.base import SourceKind
from ingestion.sources.config import PATH, Section
from lakehouse.errors import SettingsError


def find(section: Section) -> type[SourceKind]:
    """The class of a source's kind: `Kind` of the module `ingestion.sources.<kind>`, or of `<kind>` where that has a dot in it.

    Raises:
        SettingsError: there is none.
    """
    name = section.kind if "." in section.kind else f"ingestion.sources.{section.kind}"
    try:
        found: type[SourceKind] = importlib.import_module(name).Kind
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and not f"{name}.".startswith(f"{error.name}."):
            raise  # it is there, and lacks something itself
        wanted = f"{', '.join(sorted(_rooms()))}, or a module with a class Kind (docs/new-source.md)"
        where = f"{PATH.name}: sources.{section.name}.kind"
        raise SettingsError(where, f"is {section.kind!r}", wanted, "Mend it and run again") from None
    return found


def _rooms() -> list[str]:
    return [each.name for each in pkgutil.iter_modules(ingestion.sources.__path__) if each.ispkg]
