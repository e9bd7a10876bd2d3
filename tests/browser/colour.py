"""Contrast of the texts of a page by WCAG 2.2's formula, as the browser computed their colours."""

from typing import Any

from playwright.sync_api import Page

# Text colour, the nearest opaque background behind it, and how large it is.
_TEXTS = """() => {
  const seen = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, own = node.parentElement;
    if (!node.data.trim() || !own.checkVisibility() || own.closest(".visually-hidden, .skip")) continue;
    let behind = own;
    while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    const style = getComputedStyle(own);
    seen.push({text: node.data.trim(), front: style.color, size: parseFloat(style.fontSize),
               back: behind ? getComputedStyle(behind).backgroundColor : "rgb(255, 255, 255)"});
  }
  return seen;
}"""


def contrasts(page: Page) -> dict[str, float]:
    """Each visible text and its contrast ratio, 1 to 21."""
    texts: list[dict[str, Any]] = page.evaluate(_TEXTS)
    return {f"{text['text']} ({text['front']} on {text['back']})": ratio(text["front"], text["back"]) for text in texts}


def ratio(front: str, back: str) -> float:
    """Contrast ratio of two `rgb(r, g, b)` colours."""
    light, dark = sorted((_luminance(front), _luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def channels(colour: str) -> tuple[int, int, int]:
    """`rgb(1, 2, 3)` → (1, 2, 3)."""
    red, green, blue = (int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    return red, green, blue


def _luminance(colour: str) -> float:
    shares = [part / 255 for part in channels(colour)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
