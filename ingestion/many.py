"""Several sources of one lake: side by side, and none waits for, or falls with, another."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ingestion.sources.config import Section
from lakehouse.errors import ComportaError, LockError

Result = TypeVar("Result")


def each(chosen: Sequence[Section], do: Callable[[Section], Result], at_once: int = 1) -> list[Result | Exception]:
    """What `do` gives for each source, or the error that it ended with; of a source that is alone the error is raised.

    Args:
        at_once: sources at a time.

    Raises:
        LockError: the lake's write lock was lost, which ends it for all.
    """
    if len(chosen) == 1:
        return [do(chosen[0])]

    def one(section: Section) -> Result | Exception:
        try:
            return do(section)
        except LockError:
            raise
        except Exception as error:  # noqa: BLE001 - what went wrong with one is told once all are done (`raise_unexpected`)
            return error

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, chosen))


def raise_unexpected(ended: Sequence[object]) -> None:
    """An error that is none of ours ends the command, after the others had their turn."""
    for error in ended:
        if isinstance(error, Exception) and not isinstance(error, ComportaError):
            raise error
