from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.egress import ANYWHERE, BadAllowance, PrivateHosts, is_address, name_is_refused

NOWHERE = PrivateHosts()


def refused(address: str, private: PrivateHosts) -> bool:
    return bool(private.why_refused("host.example", 80, address))


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
        "64:ff9b:1::a9fe:a9fe",
        "::ffff:0:a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "metadata",
        "",
    ],
)
def test_addresses_that_are_never_called(address: str) -> None:
    assert refused(address, ANYWHERE)
    assert refused(address, NOWHERE)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"],
)
def test_private_addresses_are_called_only_where_that_is_allowed(address: str) -> None:
    assert not refused(address, ANYWHERE)
    assert refused(address, NOWHERE)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"])
def test_public_addresses_are_called(address: str) -> None:
    assert not refused(address, NOWHERE)


@given(_LINK_LOCAL)
def test_no_spelling_of_a_link_local_address_is_called(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for prefix in ("::ffff:0:0", "64:ff9b::", "::"):
        inside = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number)
        assert refused(str(inside), ANYWHERE)
        assert refused(inside.exploded, ANYWHERE)


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


@pytest.mark.parametrize(
    ("allowed", "host", "port", "address"),
    [
        ("loopback", "localhost", 9090, "127.0.0.1"),
        ("loopback", "localhost", 9090, "::1"),
        ("10.0.0.0/8", "prometheus.example", 9090, "10.9.8.7"),
        ("10.0.0.0/8:9090", "prometheus.example", 9090, "10.9.8.7"),
        ("192.168.0.7", "prometheus.example", 1, "192.168.0.7"),
        ("fd12::/16", "p", 9090, "fd12::1"),
        ("[fd12::/16]:9090", "p", 9090, "fd12::1"),
        ("[fd12::1]", "p", 9090, "fd12::1"),
        ("Prometheus.monitoring.svc.:9090", "prometheus.monitoring.svc", 9090, "10.1.1.1"),
        ("*.svc.cluster.local", "a.b.svc.cluster.local.", 9090, "10.1.1.1"),
        ("10.0.0.0/8", "p", 80, "::ffff:10.0.0.1"),
        ("1.2.3.4, 172.16.0.0/12 ,loopback", "p", 80, "172.31.0.1"),
    ],
)
def test_the_operator_allows_private_addresses(allowed: str, host: str, port: int, address: str) -> None:
    assert PrivateHosts.parse(allowed).why_refused(host, port, address) == ""


@pytest.mark.parametrize(
    ("allowed", "host", "port", "address"),
    [
        ("", "localhost", 80, "127.0.0.1"),
        ("none", "localhost", 80, "127.0.0.1"),
        ("loopback", "p", 80, "10.0.0.1"),
        ("loopback:9090", "localhost", 9091, "127.0.0.1"),
        ("10.0.0.0/8", "p", 80, "192.168.0.1"),
        ("10.0.0.0/8:9090", "p", 9091, "10.9.8.7"),
        ("p.example", "other.example", 80, "10.0.0.1"),
        ("p.example", "evil-p.example", 80, "10.0.0.1"),
        ("*.svc.cluster.local", "svc.cluster.local", 80, "10.0.0.1"),
        ("*.example", "evilexample", 80, "10.0.0.1"),
        ("10.0.0.0/8", "p", 80, "2002:c0a8:0001::1"),
    ],
)
def test_what_is_not_on_the_list_is_refused_and_the_remedy_is_told(
    allowed: str, host: str, port: int, address: str
) -> None:
    assert "HEADGATE_OUTBOUND_PRIVATE" in PrivateHosts.parse(allowed).why_refused(host, port, address)


def test_no_list_allows_what_is_never_called() -> None:
    everything = PrivateHosts.parse("0.0.0.0/0, ::/0, *.example, p.example")
    assert "never" in everything.why_refused("p.example", 80, _METADATA)


@pytest.mark.parametrize(
    "entry",
    [
        "169.254.169.254",
        "169.254.0.0/16:80",
        "fe80::/10",
        "10.0.0.0/33",
        "1.2.3",
        "a b",
        "http://p",
        "p:70:80",
        "*",
        "-",
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused_by_name(entry: str) -> None:
    with pytest.raises(BadAllowance, match=r"never called|write 10"):
        PrivateHosts.parse(f"loopback, {entry}")
