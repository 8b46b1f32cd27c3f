"""The keys at the foot of the screen: which there are now, and what they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import RenderResult
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget

GAP = 1


class KeysLine(Widget):
    """Key and name of every binding that is to be shown, each to be clicked; on a narrow terminal in several rows.

    One widget that draws them all, where Textual's own footer has one for each key and builds them again whenever the
    focus moves: laying out a dozen widgets is most of what changing the page would cost.
    """

    DEFAULT_CSS = """
    KeysLine { dock: bottom; height: auto; background: $panel; color: $footer-description-foreground; }
    KeysLine .keys-line--key { color: $text-primary; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys-line--key"}
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self.auto_links = False  # they are keys, and are not to look like links
        self._keys: tuple[tuple[str, str, str], ...] = ()

    def on_mount(self) -> None:
        """Follow the bindings of the screen."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if screen is not self.screen:
            return
        keys = tuple(self._shown_keys())
        if keys != self._keys:
            rows = len(rows_of(self._keys, self.size.width))
            self._keys = keys
            self.refresh(layout=len(rows_of(keys, self.size.width)) != rows)

    def _shown_keys(self) -> Iterator[tuple[str, str, str]]:
        """Key, how it is written and what it does; of several keys that do the same, the first."""
        seen: set[str] = set()
        for active in self.screen.active_bindings.values():
            if active.binding.show and active.binding.action not in seen:
                seen.add(active.binding.action)
                yield active.binding.key, self.app.get_key_display(active.binding), active.binding.description

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as the keys need."""
        return max(1, len(rows_of(self._keys, width)))

    def render(self) -> RenderResult:
        """The rows."""
        style = self.get_component_rich_style("keys-line--key", partial=True)
        rows = rows_of(self._keys, self.size.width)
        return Text("\n").join(Text(" " * GAP).join(_key(*key, style) for key in row) for row in rows)


def rows_of(keys: Sequence[tuple[str, str, str]], width: int) -> list[list[tuple[str, str, str]]]:
    """The keys in rows of at most `width` columns."""
    rows: list[list[tuple[str, str, str]]] = []
    room = 0
    for key in keys:
        needed = _key(*key, Style.null()).cell_len
        if not rows or needed > room:
            rows.append([])
            room = width
        rows[-1].append(key)
        room -= needed + GAP
    return rows


def _key(key: str, display: str, description: str, style: Style) -> Text:
    click = Style(meta={"@click": f"app.simulate_key({key!r})"})
    return Text.assemble((display, style), " ", description, style=click)
