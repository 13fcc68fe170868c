"""Which addresses may be connected to: public ones, and those that the settings allow.

A name is looked up once for a connection, every address of the answer is judged, and the connection is made to one that
passed: there is no second look-up that could answer something else. Addresses in URLs are judged where the socket is
made, as all are, so that nothing gets past.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from pipeline.sources.web.urls import Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def networks(texts: Sequence[str]) -> Networks:
    """The networks of ``allow_addresses``. Raises ValueError."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def check(text: str, allowed: Networks) -> None:
    """Raise Refused unless an address is public or allowed. IPv6 that carries an IPv4 address is judged by both."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise Refused("no address", f"{text} is no address") from None
    carried = _carried(address)
    if any(each in network for each in (address, *carried) for network in allowed if network.version == each.version):
        return
    for each in carried or (address,):
        if not each.is_global or each.is_multicast or each.is_reserved or each.is_unspecified:
            raise Refused("not a public address", f"the address {text} is not public; allow it with allow_addresses")


def _carried(address: Address) -> tuple[ipaddress.IPv4Address, ...]:
    """IPv4 addresses that an IPv6 address leads to: mapped, compatible, by NAT64 (RFC 6052, 8215), 6to4, Teredo."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if any(address in network for network in _NAT64) or (address in _COMPATIBLE and int(address) > 1):
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()


class GuardedResolver(AbstractResolver):
    """Looks names up, in ``names`` first, and gives only addresses that may be connected to."""

    def __init__(self, allowed: Networks, names: Mapping[str, str] | None = None) -> None:
        self._allowed = allowed
        self._names = {name.lower(): address for name, address in (names or {}).items()}

    async def lookup(self, host: str, port: int) -> list[str]:
        """The addresses of a name, in the system's order. Raises OSError."""
        if host in self._names:
            return [self._names[host]]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        return [str(entry[4][0]) for entry in found]

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """As aiohttp asks for it. Raises Refused if no address of the answer may be connected to, else OSError."""
        passed: list[ResolveResult] = []
        refused: Refused | None = None
        for text in dict.fromkeys(await self.lookup(host, port)):
            try:
                check(text, self._allowed)
            except Refused as error:
                refused = Refused(error.what, f"{host}: {error.detail}")
                continue
            kind = socket.AF_INET6 if ":" in text else socket.AF_INET
            flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            passed.append({"hostname": host, "host": text, "port": port, "family": kind, "proto": 0, "flags": flags})
        if not passed:
            raise refused or OSError(f"{host} has no address")
        return passed

    async def close(self) -> None:
        """Nothing is held."""

    def make_socket(self, info: AddrInfoType) -> socket.socket:
        """The socket of a connection (aiohttp's ``socket_factory``): the last look at where it goes. Raises Refused."""
        family, kind, proto, _, where = info
        check(str(where[0]), self._allowed)
        made = socket.socket(family, kind, proto)
        made.setblocking(False)
        return made
