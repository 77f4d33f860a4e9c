"""Which network addresses the controller may call when a user names them.

Metric sources and webhooks are addresses that a user typed, and often rightly internal ones: which of those may be
called is the operator's to say. What never is right are the addresses through which a cloud hands out credentials, and
those that mean "all" or "nobody".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

_METADATA_NAMES = frozenset({"metadata", "metadata.goog", "metadata.google.internal", "instance-data"})
_METADATA_ENDINGS = (".metadata.google.internal", ".metadata.goog")

_NEVER = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # "This" network: Linux takes 0.0.0.0 for the machine itself.
        "169.254.0.0/16",  # Link-local, and with it the metadata service of most clouds.
        "192.0.0.192/32",  # Oracle Cloud metadata, older form.
        "100.100.100.200/32",  # Alibaba Cloud metadata.
        "168.63.129.16/32",  # Azure's host service.
        "224.0.0.0/4",  # Multicast.
        "240.0.0.0/4",  # Reserved, and broadcast.
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::/32",  # AWS metadata and its neighbours.
        "fd20:ce::254/128",  # Google Cloud metadata.
    )
)
_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?")
_NUMBERS = re.compile(r"[0-9./]+")
_PORT = re.compile(r"[0-9]{1,5}")
_BRACKETED = re.compile(r"\[(?P<place>[^\]]+)\](?::(?P<port>[0-9]{1,5}))?")
_TRANSLATED = tuple(
    ip_network(network)
    for network in (
        "64:ff9b::/96",  # NAT64.
        "64:ff9b:1::/48",  # NAT64 within a site (RFC 8215).
        "::ffff:0:0:0/96",  # Translation without state (RFC 2765).
    )
)
_COMPATIBLE = ip_network("::/96")


def name_is_refused(host: str) -> bool:
    """Whether a host name is one of those that clouds give to their metadata services."""
    name = host.lower().rstrip(".")
    return name in _METADATA_NAMES or name.endswith(_METADATA_ENDINGS) or name.startswith("instance-data.")


class BadAllowance(ValueError):
    """An entry of the list of private hosts cannot be used; names the entry and the remedy."""


@dataclass(frozen=True, slots=True)
class _Allowance:
    """One entry: a network or a name, and the port if only one is meant. ``name`` may begin with ``*.``."""

    network: IPv4Network | IPv6Network | None
    name: str
    port: int | None

    def holds(self, host: str, port: int, address: IPv4Address | IPv6Address) -> bool:
        """Whether it lets a call to this host and port go to this address of it."""
        if self.port not in (None, port):
            return False
        if self.network is not None:
            return address in self.network
        if self.name.startswith("*."):
            return host.endswith(self.name[1:])
        return host == self.name


@dataclass(frozen=True, slots=True)
class PrivateHosts:
    """The private and loopback addresses that may be called. What is refused in any case stays refused."""

    allowances: tuple[_Allowance, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a list with commas between its entries; nothing and ``none`` are the empty list.

        An entry is an address, a network, a host name or ``*.`` and the end of one, or ``loopback``; a port may
        follow it after a colon, and an IPv6 address or network with a port stands in brackets.

        Raises:
            BadAllowance: An entry is none of these, or is of addresses that are never called.
        """
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        if entries == ["none"]:
            return cls()
        return cls(tuple(allowance for entry in entries for allowance in _allowances(entry)))

    def why_refused(self, host: str, port: int, address: str) -> str:
        """Why a call to this host and port may not go to this address of it; nothing if it may.

        An IPv4 address inside an IPv6 one counts as well as the outer one. Text that is no address is refused.
        """
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return NEVER_CALLED
        forms = [*_forms(parsed)]
        if any(form in network for form in forms for network in _NEVER):
            return NEVER_CALLED
        name = host.lower().rstrip(".")
        if all(form.is_global or self._hold(name, port, form) for form in forms):
            return ""
        return NOT_ALLOWED

    def _hold(self, name: str, port: int, address: IPv4Address | IPv6Address) -> bool:
        return any(allowance.holds(name, port, address) for allowance in self.allowances)


NEVER_CALLED = "an address that is never called"
NOT_ALLOWED = "a private address that is not allowed; the operator allows it with HEADGATE_OUTBOUND_PRIVATE"


def _allowances(entry: str) -> Iterator[_Allowance]:
    place, port = _without_port(entry)
    if place == "loopback":
        yield from (_Allowance(ip_network(network), "", port) for network in ("127.0.0.0/8", "::1/128"))
        return
    try:
        network = ip_network(place, strict=False)
    except ValueError:
        if not _NAME.fullmatch(place.lower()) or _NUMBERS.fullmatch(place):
            raise BadAllowance(
                f"{entry!r} is not an address, a network or a host name; write 10.0.0.0/8, 10.0.0.7:9090 or "
                "prometheus.monitoring.svc:9090"
            ) from None
        yield _Allowance(None, place.lower().rstrip("."), port)
        return
    if any(network.version == never.version and network.subnet_of(never) for never in _NEVER):  # type: ignore[arg-type]
        raise BadAllowance(f"{entry!r} is never called, whatever is allowed; leave it out")
    yield _Allowance(network, "", port)


def _without_port(entry: str) -> tuple[str, int | None]:
    """An entry, and the port behind it. A bare IPv6 address has colons, but no port."""
    bracketed = _BRACKETED.fullmatch(entry)
    if bracketed:
        return bracketed["place"], int(bracketed["port"]) if bracketed["port"] else None
    place, colon, port = entry.rpartition(":")
    if colon and ":" not in place and _PORT.fullmatch(port):
        return place, int(port)
    return entry, None


def is_address(host: str) -> bool:
    """Whether a host is written as an IP address."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


ANYWHERE = PrivateHosts.parse("0.0.0.0/0, ::/0")
"""For calls to where the operator of this very process says, such as a command line's to its server."""


def _forms(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """The address, and the IPv4 addresses that a gateway could make of it."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    is_translated = any(address in network for network in _TRANSLATED)
    if is_translated or (address in _COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
