from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controller.http import Outbound, OutboundError
from controller.secrets import BadSecret, Origin, SecretRefused, Secrets

VALUE = "pk-lf-0123:sk-lf-4567/89+ab="

hosts = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{2,5}){0,2}", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
origins = st.tuples(st.sampled_from(["http", "https"]), hosts, st.integers(1, 65_535))
tails = st.from_regex(r"(/[a-z@:.]{0,8}){0,3}(\?[a-z=&@:/]{0,10})?(#[a-z@/]{0,5})?", fullmatch=True)


def written(origin: tuple[str, str, int]) -> str:
    scheme, host, port = origin
    return f"{scheme}://{host}:{port}"


def secrets(origin: str = "https://langfuse.example.com", value: str = VALUE) -> Secrets:
    return Secrets({"HEADGATE_SECRET_LANGFUSE": f"{origin} {value}"})


@given(origins, tails)
def test_a_secret_goes_to_every_url_of_its_origin(origin: tuple[str, str, int], tail: str) -> None:
    assert secrets(written(origin)).reveal("env:LANGFUSE", written(origin) + tail) == VALUE


@given(origins, origins, tails)
def test_a_secret_goes_to_no_other_origin(
    origin: tuple[str, str, int], other: tuple[str, str, int], tail: str
) -> None:
    assume(Origin.of(written(origin)) != Origin.of(written(other)))
    with pytest.raises(SecretRefused):
        secrets(written(origin)).reveal("env:LANGFUSE", written(other) + tail)


@given(origins, st.text(max_size=30))
def test_whatever_stands_behind_the_host_a_secret_goes_only_to_its_origin(
    origin: tuple[str, str, int], anything: str
) -> None:
    """No text behind the origin may make another host of it that is taken for the same."""
    url = written(origin) + anything
    try:
        revealed = secrets(written(origin)).reveal("env:LANGFUSE", url)
    except SecretRefused:
        return
    assert revealed == VALUE
    assert anything[:1] in ("", "/", "?", "#")


@given(origins)
def test_case_and_default_ports_make_no_difference(origin: tuple[str, str, int]) -> None:
    scheme, host, _ = origin
    port = {"http": 80, "https": 443}[scheme]
    plain, shouted = Origin.of(f"{scheme}://{host}"), Origin.of(f"{scheme.upper()}://{host.upper()}:{port}/")
    assert plain == shouted
    assert Origin.of(str(plain)) == plain


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        ("https://[::1]:8443", "https://[0:0:0:0:0:0:0:1]:8443/api"),
        ("https://[2001:DB8::A]", "https://[2001:db8:0::a]:443"),
        ("http://langfuse", "http://LANGFUSE:80/"),
    ],
)
def test_one_origin_has_several_spellings(origin: str, url: str) -> None:
    assert secrets(origin).reveal("env:LANGFUSE", url) == VALUE


@pytest.mark.parametrize(
    "url",
    [
        "http://langfuse.example.com/",
        "https://langfuse.example.com:8443/",
        "https://langfuse.example.com./",
        "https://langfuse.example.com.evil.example/",
        "https://evil.example/langfuse.example.com",
        "https://evil.example?https://langfuse.example.com",
        "https://evil.example#@langfuse.example.com",
        "https://langfuse.example.com@evil.example/",
        "https://langfuse.example.com:443@evil.example/",
        "https://evil.example@langfuse.example.com/",
        "https://langfuse.example.com%2eevil.example/",
        "https://langfuse.example.com\\@evil.example/",
        "https://langfuse.example.com\t.evil.example/",
        "https://langfuse.example.com%00.evil.example/",
        "https://ⓛangfuse.example.com/",
        "//langfuse.example.com/",
        "ftp://langfuse.example.com/",
        "https://langfuse.example.com:0/",
        "https://langfuse.example.com:99999/",
        "https://langfuse.example.com:x/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https:///path",
        "",
    ],
)
def test_an_address_that_only_looks_like_the_origin_gets_nothing(url: str) -> None:
    with pytest.raises(SecretRefused) as refused:
        secrets().reveal("env:LANGFUSE", url)
    assert "env:LANGFUSE" in str(refused.value)
    assert "4567" not in str(refused.value)


def test_a_refusal_names_both_origins() -> None:
    with pytest.raises(SecretRefused) as refused:
        secrets().reveal("env:LANGFUSE", "https://evil.example:8443/api?x=1")
    message = "env:LANGFUSE may be sent to https://langfuse.example.com, not to https://evil.example:8443"
    assert str(refused.value) == message


def test_what_a_secret_buys_goes_to_its_origin_or_to_those_named_behind_it() -> None:
    login = "https://login.example.com"
    for onward in ("", login, "https://metrics.example.com/api"):
        named = secrets(f"{login},https://metrics.example.com")
        assert named.reveal("env:LANGFUSE", f"{login}/token", onward) == VALUE
    with pytest.raises(SecretRefused, match=r"buys nothing for https://evil\.example; the operator adds it"):
        named.reveal("env:LANGFUSE", login, "https://evil.example")
    with pytest.raises(SecretRefused, match="may be sent to https://login"):
        named.reveal("env:LANGFUSE", "https://metrics.example.com")
    with pytest.raises(SecretRefused, match="buys nothing"):
        secrets(login).reveal("env:LANGFUSE", login, "https://metrics.example.com")


@pytest.mark.parametrize("reference", ["LANGFUSE", "env:langfuse", "env:", "file:LANGFUSE", "env:A B", VALUE])
def test_what_is_no_reference_is_refused_and_not_repeated(reference: str) -> None:
    with pytest.raises(SecretRefused, match="the reference is not written as env:NAME") as refused:
        secrets().reveal(reference, "https://langfuse.example.com")
    assert "4567" not in str(refused.value)


def test_a_secret_that_is_not_set_is_named() -> None:
    with pytest.raises(SecretRefused, match="env:OTHER is not set; the operator sets HEADGATE_SECRET_OTHER"):
        secrets().reveal("env:OTHER", "https://langfuse.example.com")


def test_the_key_of_the_service_is_no_secret_to_give_away() -> None:
    own = Secrets({"HEADGATE_SECRET_KEY": "https://langfuse.example.com 0123456789"})
    with pytest.raises(SecretRefused):
        own.reveal("env:KEY", "https://langfuse.example.com")


def test_other_variables_and_empty_ones_are_left_alone() -> None:
    assert repr(Secrets({"PATH": "/bin", "HEADGATE_PORT": "1", "HEADGATE_SECRET_A": ""})) == "Secrets()"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("HEADGATE_SECRET_a", f"https://h {VALUE}", "a name that cannot be referred to"),
        ("HEADGATE_SECRET_", f"https://h {VALUE}", "a name that cannot be referred to"),
        ("HEADGATE_SECRET_A", VALUE, "is not an origin, a space and a secret"),
        ("HEADGATE_SECRET_A", "https://h", "is not an origin, a space and a secret"),
        ("HEADGATE_SECRET_A", "https://h short", "at least 8 printable ASCII characters"),
        ("HEADGATE_SECRET_A", f"https://h {VALUE}\nmore", "at least 8 printable ASCII characters"),
        ("HEADGATE_SECRET_A", f"https://h {VALUE}ü", "at least 8 printable ASCII characters"),
        ("HEADGATE_SECRET_A", f"{VALUE} https://langfuse", "does not begin with an origin"),
        ("HEADGATE_SECRET_A", f"https://h/path {VALUE}", "does not begin with an origin"),
        ("HEADGATE_SECRET_A", f"https://h,h2 {VALUE}", "does not begin with an origin"),
        ("HEADGATE_SECRET_A", f"https://h?{VALUE} {VALUE}", "does not begin with an origin"),
        ("HEADGATE_SECRET_A", f"https://{VALUE}@h {VALUE}", "does not begin with an origin"),
        ("HEADGATE_SECRET_A", f"https://h:99999 {VALUE}", "does not begin with an origin"),
        ("HEADGATE_SECRET_A", f"langfuse.example.com {VALUE}", "does not begin with an origin"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_without_its_secret(
    variable: str, value: str, message: str
) -> None:
    with pytest.raises(BadSecret, match=message) as bad:
        Secrets({variable: value})
    assert str(bad.value).startswith(variable)
    assert "4567" not in str(bad.value)


def test_space_around_a_secret_does_not_count() -> None:
    padded = Secrets({"HEADGATE_SECRET_A": f"  https://h  {VALUE}\n"})
    assert padded.reveal("env:A", "https://h") == VALUE


def test_nothing_shows_a_secret() -> None:
    shown = repr(secrets()) + repr(vars(secrets())["_secrets"]) + str(secrets())
    assert "LANGFUSE" in shown
    assert "4567" not in shown


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=30)
values = printable.filter(lambda value: value == value.strip())


@given(values, st.text(max_size=20), st.text(max_size=20))
def test_a_secret_is_struck_out_however_it_is_written(value: str, before: str, after: str) -> None:
    known = secrets(value=value)
    basic = base64.b64encode(value.encode()).decode()
    for form in (value, basic, quote(value, safe=""), json.dumps(value)[1:-1]):
        assert form not in known.redact(f"{before} {form} {after}").replace("***", "\0")


def test_the_halves_of_a_user_and_a_password_are_struck_out_too() -> None:
    text = "the key sk-lf-4567/89+ab= of pk-lf-0123 and sk-lf-4567%2f89%2bab%3d is wrong"
    assert secrets().redact(text) == "the key *** of *** and *** is wrong"


@given(st.text())
def test_a_text_without_secrets_stays_as_it_is(text: str) -> None:
    assume("lf-" not in text.lower())
    assert secrets().redact(text) == text
    assert Secrets({}).redact(text) == text


@given(origins, st.one_of(tails, st.text("@/\\:?#%[]. abAB01\t", max_size=20)))
def test_a_secret_goes_where_the_way_out_leads(origin: tuple[str, str, int], tail: str) -> None:
    """Who decides on a secret and who connects read an address alike."""
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return []

    url = written(origin) + tail
    with pytest.raises(OutboundError):
        Outbound(resolve=resolve).send("GET", url, deadline_s=20.0)
    for host, port in asked:
        shown = f"[{host}]" if ":" in host else host
        assert Origin.of(url) == Origin.of(f"{origin[0]}://{shown}:{port}")
