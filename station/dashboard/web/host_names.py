"""By which names a browser may ask for this machine, and which pages may ask it.

1. An address is always its own: a page of another site has that site's name.
2. A name may be made to point anywhere, by whoever owns its domain. So only names are taken that nobody else can give
   away: the host's name, alone, under the ends that are never given out, and in the domains that this machine's files
   and its name server know it by; and what the configuration names.
3. A page may ask that has the name and port by which this machine is asked for. Behind a proxy, which may ask by
   another name than the browser did, also one of a name of the configuration.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

NOBODYS_DOMAINS = (
    "local", "localdomain", "lan", "home", "home.arpa", "internal", "intranet", "private", "corp",
)  # fmt: skip
"""Ends that no registry gives out: .local is a network's own (RFC 6762, whose appendix G has the most of them)."""
RESOLVER = Path("/etc/resolv.conf")
HOSTS = Path("/etc/hosts")


@dataclass(frozen=True, slots=True)
class OwnNames:
    """Names in lower case, without the dot at the end; `configured` are among `names`."""

    names: frozenset[str]
    configured: frozenset[str] = frozenset()

    def has(self, host: str) -> bool:
        """Whether a Host header (name or address, a port perhaps) means this machine."""
        name = name_of(host)
        return name in self.names or _is_address(name)

    def may_ask(self, origin: str, host: str) -> bool:
        """Whether the page of an Origin header may ask by this Host header."""
        asking = host_of_page(origin)
        return (asking == host and asking != "") or name_of(asking) in self.configured


def own_names(served: str, configured: Iterable[str] = (), resolver: Path = RESOLVER, hosts: Path = HOSTS) -> OwnNames:
    """The names of this machine, which serves at an address or a name."""
    host = _plain(socket.gethostname())
    short = host.partition(".")[0]
    named = frozenset(_plain(name) for name in configured if name.strip())
    domains = {*NOBODYS_DOMAINS, *_search_domains(resolver)}
    resolved = {name for name in _resolved() if name.partition(".")[0] == short}
    names = {"localhost", _plain(served), host, short, *resolved, *_aliases(hosts, {host, short})}
    return OwnNames(frozenset({*names, *named, *(f"{short}.{domain}" for domain in domains)}), named)


def host_of_page(origin: str) -> str:
    """The name and port of an Origin header; "" for what has none."""
    with suppress(ValueError):
        return urlsplit(origin).netloc
    return ""


def name_of(host: str) -> str:
    """The name or address of a Host header, without its port; "" for what is none."""
    with suppress(ValueError):
        return _plain(urlsplit(f"//{host}").hostname or "")
    return ""


def _plain(name: str) -> str:
    return name.strip().lower().removesuffix(".")


def _is_address(name: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return False


def _search_domains(resolver: Path) -> set[str]:
    """The domains in which this machine looks for short names."""
    rows = (line.split() for line in _lines(resolver))
    found = {_plain(name) for row in rows if row and row[0] in ("search", "domain") for name in row[1:]}
    return found - {""}


def _resolved(limit_s: float = 1.0) -> set[str]:
    """The name that the name server has for this machine; nobody waits long for one that does not answer."""
    found: set[str] = set()
    asked = Thread(target=lambda: found.add(_plain(socket.getfqdn())), name="own name", daemon=True)
    asked.start()
    asked.join(limit_s)
    return set(found)


def _aliases(hosts: Path, own: set[str]) -> set[str]:
    """What the machine's own table says beside its name: Debian has the name with its domain there."""
    rows = ({_plain(name) for name in line.partition("#")[0].split()[1:]} for line in _lines(hosts))
    return {name for row in rows if row & own for name in row}


def _lines(file: Path) -> list[str]:
    with suppress(OSError):
        return file.read_text(errors="replace").splitlines()
    return []
