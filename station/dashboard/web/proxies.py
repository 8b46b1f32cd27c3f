"""What a proxy between a browser and this server says of the browser, and when it is believed.

1. Nothing is believed of a peer that is no proxy by its address: every browser could say the same.
2. How the browser came (https or not) is believed of any such peer. It decides only which socket the page opens and
   whether the cookie is Secure: a browser that lies about it harms itself.
3. The host that was asked for and the browser's address are believed only where the configuration says `behind_proxy`:
   a program on this machine is at the same address as a proxy on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

LOOPBACK = ("127.0.0.0/8", "::1")
_HTTPS = ("https", "wss")


class Proxies:
    """The proxies at these addresses or in these networks; `behind_proxy` says whether browsers come through them."""

    def __init__(self, addresses: Iterable[str] = LOOPBACK, *, behind_proxy: bool = False) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(each, False) for each in addresses)
        self._behind_proxy = behind_proxy

    def host(self, request: web.Request) -> str:
        """The name by which the browser asked."""
        forwarded = _first(request, "X-Forwarded-Host")
        return forwarded if forwarded and self._is_behind(request) else request.host

    def is_https(self, request: web.Request) -> bool:
        """Whether the browser came by https."""
        if not self._has(request.remote or ""):
            return request.secure
        forwarded = _first(request, "X-Forwarded-Proto").lower()
        return forwarded in _HTTPS or "proto=https" in request.headers.get("Forwarded", "").lower() or request.secure

    def browser(self, request: web.Request) -> str:
        """The browser's address: the last one that a proxy of ours heard from and that is no proxy of ours."""
        peer = request.remote or ""
        if not self._is_behind(request):
            return peer
        said = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        for address in (each.strip() for each in reversed(said)):
            if not _is_address(address):
                break  # what stands before it is no better
            peer = address
            if not self._has(address):
                break
        return peer

    def _is_behind(self, request: web.Request) -> bool:
        return self._behind_proxy and self._has(request.remote or "")

    def _has(self, address: str) -> bool:
        if not _is_address(address):
            return False
        plain = ip_address(address)
        if isinstance(plain, IPv6Address) and plain.ipv4_mapped:
            plain = plain.ipv4_mapped
        return any(plain in network for network in self._networks)


def _first(request: web.Request, header: str) -> str:
    return request.headers.get(header, "").partition(",")[0].strip()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
