from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.egress import address_is_refused, is_address, name_is_refused

_METADATA = "169.254.169.254"
_LINK_LOCAL = st.ip_addresses(network="169.254.0.0/16")


@pytest.mark.parametrize(
    "address",
    [
        _METADATA,
        "169.254.170.2",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "febf::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "metadata",
        "",
    ],
)
def test_addresses_that_are_never_called(address: str) -> None:
    assert address_is_refused(address, allow_private=True)
    assert address_is_refused(address, allow_private=False)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"],
)
def test_private_addresses_are_called_only_where_that_is_allowed(address: str) -> None:
    assert not address_is_refused(address, allow_private=True)
    assert address_is_refused(address, allow_private=False)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"])
def test_public_addresses_are_called(address: str) -> None:
    assert not address_is_refused(address, allow_private=False)


@given(_LINK_LOCAL)
def test_no_spelling_of_a_link_local_address_is_called(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for prefix in ("::ffff:0:0", "64:ff9b::", "::"):
        inside = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number)
        assert address_is_refused(str(inside), allow_private=True)
        assert address_is_refused(inside.exploded, allow_private=True)


@pytest.mark.parametrize(
    "name",
    [
        "metadata",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "x.metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
    ],
)
def test_names_of_metadata_services_are_refused(name: str) -> None:
    assert name_is_refused(name)


@pytest.mark.parametrize(
    "name", ["prometheus", "metadata-store.example.com", "localhost", "mymetadata.goog.example"]
)
def test_other_names_are_left_to_their_address(name: str) -> None:
    assert not name_is_refused(name)


def test_an_address_is_told_from_a_name() -> None:
    assert is_address("10.0.0.1")
    assert is_address("fe80::1%eth0")
    assert not is_address("prometheus")
