"""A lake of its own for the whole pipeline, since gates and releases concern a layer as a whole."""

from collections.abc import Iterator

import pytest
from desk import Lake

from lakehouse.servers import server
from lakehouse.settings import Settings


@pytest.fixture(scope="session")
def lake(settings: Settings, environment: dict[str, str]) -> Iterator[Lake]:
    """The shop's lake after its first demo."""
    made = Lake(settings, environment)
    made.start("demo")
    yield made
    server.stop(settings)
