"""What a test holds of an opened page."""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


@dataclass
class Opened:
    """A page, what its console complained about, and every address it asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Opener = Callable[..., Opened]
