"""Which network addresses the controller may call when a user names them.

Metric sources and webhooks are addresses that a user typed, and often rightly internal ones. What never is
right are the addresses through which a cloud hands out credentials, and those that mean "here" or "all".
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

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
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")


def name_is_refused(host: str) -> bool:
    """Whether a host name is one of those that clouds give to their metadata services."""
    name = host.lower().rstrip(".")
    return name in _METADATA_NAMES or name.endswith(_METADATA_ENDINGS) or name.startswith("instance-data.")


def address_is_refused(address: str, *, allow_private: bool) -> bool:
    """Whether an IP address may not be called.

    An IPv4 address inside an IPv6 one counts as well as the outer one. Text that is no address is refused.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return True
    return any(_is_refused(form, allow_private=allow_private) for form in _forms(parsed))


def is_address(host: str) -> bool:
    """Whether a host is written as an IP address."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_refused(address: IPv4Address | IPv6Address, *, allow_private: bool) -> bool:
    if any(address in network for network in _NEVER):
        return True
    return not allow_private and not address.is_global


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
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
