"""Several sources into one lake: side by side, and none waits for, or falls with, another."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ingestion import run as job
from ingestion.outcome import Run
from ingestion.sources import config as source_file
from ingestion.sources.base import Request
from ingestion.sources.config import Section
from lakehouse.errors import ComportaError, LockError
from lakehouse.settings import Settings


def run(settings: Settings, chosen: Sequence[Section], request: Request, warn: job.Warn) -> list[Run | ComportaError]:
    """Copy what changed in each source, at most `at_once` of sources.yml at a time; of each what became of it, or why nothing did.

    Raises:
        LockError: the lake's write lock was lost, which ends it for all.
        ComportaError: the error of the one source, where there is no other.
    """
    if len(chosen) == 1:
        return [job.run(settings, request=request, warn=warn, section=chosen[0])]

    def one(section: Section) -> Run | ComportaError:
        try:
            return job.run(settings, request=request, warn=lambda text: warn(f"{section.name}: {text}"), section=section)
        except LockError:
            raise
        except ComportaError as error:
            return error

    with ThreadPoolExecutor(source_file.load().at_once) as pool:
        return list(pool.map(one, chosen))
