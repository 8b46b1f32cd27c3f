"""The command palette: every key of the screen that is looked at as a command with a name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.binding import ActiveBinding
from textual.command import DiscoveryHit, Hit, Hits, Provider

from station.dashboard.keys import label
from station.dashboard.language import tr

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
        """Name and key, each once, of what the station itself bound; not what its widgets do with arrows."""
        own = (self.app, self.screen)
        named: set[str] = set()
        for active in self.screen.active_bindings.values():
            name = label(active.binding)
            if active.node in own and name and not active.binding.system and name not in named:
                named.add(name)
                yield name, active

    def _key(self, active: ActiveBinding) -> str:
        return self.app.get_key_display(active.binding)

    async def _carry_out(self, active: ActiveBinding) -> None:
        await self.app.run_action(active.binding.action, active.node)
