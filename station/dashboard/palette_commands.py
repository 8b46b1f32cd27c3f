"""The command palette: every key of the screen that is looked at as a command with a name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.app import App
from textual.binding import ActiveBinding, Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.screen import Screen

from station.dashboard.keys import label
from station.dashboard.language import tr
from station.dashboard.pages.page import Page

CERTAIN = 1.0


class KeyCommands(Provider):
    """The commands: what the keys of the screen and of the program do."""

    async def discover(self) -> Hits:
        """All of them, while nothing is typed."""
        for name, active in self._commands():
            yield DiscoveryHit(name, partial(self._carry_out, active), help=self._key(active))

    async def search(self, query: str) -> Hits:
        """Those that fit what is typed; a line that says so where none does."""
        matcher = self.matcher(query)
        nothing = True
        for name, active in self._commands():
            score = matcher.match(name)
            if score > 0:
                nothing = False
                yield Hit(score, matcher.highlight(name), partial(self._carry_out, active), help=self._key(active))
        if nothing:
            yield Hit(CERTAIN, tr("No command is called so."), lambda: None)

    def _commands(self) -> Iterator[tuple[str, ActiveBinding]]:
        """Name and key, each once, of what the station itself bound to keys."""
        named: set[str] = set()
        for active in self.screen.active_bindings.values():
            name = label(active.binding)
            if name and name not in named and active.binding.action in _own_actions(active.node):
                named.add(name)
                yield name, active

    def _key(self, active: ActiveBinding) -> str:
        return self.app.get_key_display(active.binding)

    async def _carry_out(self, active: ActiveBinding) -> None:
        await self.app.run_action(active.binding.action, active.node)


def _own_actions(node: DOMNode) -> set[str]:
    """What the station's own classes bind on a page, a screen or the program; not what Textual does itself."""
    if not isinstance(node, App | Screen | Page):
        return set()
    own = (kind for kind in type(node).__mro__ if kind.__module__.startswith("station."))
    bindings = (binding for kind in own for binding in vars(kind).get("BINDINGS", ()))
    return {binding.action for binding in bindings if isinstance(binding, Binding)}
