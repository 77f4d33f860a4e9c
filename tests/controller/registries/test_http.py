from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import BadSetting
from controller.http import Outbound
from controller.registries import REGISTRIES, Pointer, Registry
from controller.registries.registry import Refused
from controller.registries.request_template import WRITING, RequestTemplate
from controller.secrets import Secrets

URL = "https://prompts.example.com"
SECRETS = Secrets(
    {
        "HEADGATE_SECRET_TOKEN": f"{URL} 0123456789",
        "HEADGATE_SECRET_OTHER": "https://other.example.com 0123456789",
    }
)
READ = {"url": URL + "/${name}", "path": "$.at"}
WRITE = {"method": "POST", "url": URL + "/${name}", "body": {"to": "${version}"}}
words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)


def registry(**settings: Any) -> Registry:
    return REGISTRIES["http"].from_settings({"read": READ, "write": WRITE, **settings}, Outbound(), SECRETS)


def template(**settings: Any) -> RequestTemplate:
    return RequestTemplate.parse("write", {**WRITE, **settings}, WRITING, Outbound())


@given(words, words)
def test_no_value_leaves_its_place_in_an_address(name: str, pointer: str) -> None:
    asked = template(url=URL + "/a/${name}/b/${pointer}?q=${version}")
    try:
        url = asked.url_for({"name": name, "pointer": pointer, "version": "1&x=2#"})
    except Refused:
        assert {name, pointer} & {".", ".."}
        return
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == URL
    assert [unquote(part) for part in parts.path.split("/")] == ["", "a", name, "b", pointer]
    assert unquote(parts.query) == "q=1&x=2#"
    assert parts.fragment == ""


@given(words, words)
def test_no_value_leaves_its_string_in_a_body(name: str, expected: str) -> None:
    asked = template(
        body={"list": ["${name}", 1, None], "text": "from ${expected} on", "n": "${version:integer}"}
    )
    body = asked.body_for({"name": name, "expected": expected, "version": "12"})
    assert json.loads(body or b"") == {"list": [name, 1, None], "text": f"from {expected} on", "n": 12}


def test_a_value_is_never_read_as_a_variable() -> None:
    body = template(body="${name}${version}").body_for({"name": "${version}", "version": "${name}"})
    assert json.loads(body or b"") == "${version}${name}"


@pytest.mark.parametrize("version", ["", "a", "1.0", "01", "1e3", "٣", "9" * 19, "NaN", "--1"])
def test_a_version_that_is_no_number_is_not_sent_as_one(version: str) -> None:
    with pytest.raises(Refused):
        template(body="${version:integer}").body_for({"version": version})


@pytest.mark.parametrize(
    "url",
    [
        "https://${name}.example.com/",
        "${name}://prompts.example.com",
        "https://prompts.example.com:${version}/",
        "https://prompts.example.com${name}/",
        URL + "/${naem}",
        URL + "/${name",
        URL + "/${version:integer}",
        URL + "/#${name}",
        "ftp://prompts.example.com/",
        "http://169.254.169.254/${name}",
        "https://user:pw@prompts.example.com/",
        "/${name}",
        "",
        7,
    ],
)
def test_an_address_that_is_not_safe_is_refused(url: Any) -> None:
    with pytest.raises(BadSetting, match=r"write\.url"):
        template(url=url)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"method": "DELETE"}, "write.method"),
        ({"method": "GET"}, "write.body"),
        ({"body": {"a": ["${naem}"]}}, "write.body.a"),
        ({"body": {"${name}": 1}}, "write.body"),
        ({"body": "no ${version:integer} here"}, "write.body"),
        ({"body": "${naem:integer}"}, "write.body"),
        ({"headers": {"Authorization": "Bearer x"}}, "write.headers.Authorization"),
        ({"headers": {"cookie": "x"}}, "write.headers.cookie"),
        ({"headers": {"Host": "x"}}, "write.headers.Host"),
        ({"headers": {"X": "a\r\nb"}}, "write.headers.X"),
        ({"headers": {"X": "${name}"}}, "write.headers.X"),
        ({"headers": ["X"]}, "write.headers"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_by_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(BadSetting) as refused:
        template(**changed)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"read": {**READ, "url": URL + "/${version}"}}, "read.url"),
        ({"read": {**READ, "path": "at"}}, "read.path"),
        ({"read": {"url": URL}}, "read.path"),
        ({"read": "GET"}, "read"),
        ({"write": {**WRITE, "path": "$.at"}}, "write.path"),
        ({"content": {**READ, "url": URL + "/${expected}"}}, "content.url"),
        ({"auth": "digest"}, "auth"),
        ({"secret": "env:TOKEN"}, "secret"),
        ({"auth": "bearer"}, "secret"),
        ({"auth": "bearer", "secret": "0123456789"}, "secret"),
        ({"auth": "bearer", "secret": "env:OTHER"}, "secret"),
        ({"auth": "basic", "secret": "env:TOKEN"}, "secret"),
        ({"auth": "header", "auth_header": "Host", "secret": "env:TOKEN"}, "auth_header"),
        ({"auth": "header", "auth_header": "a b", "secret": "env:TOKEN"}, "auth_header"),
        (
            {"auth": "bearer", "secret": "env:TOKEN", "read": {**READ, "url": "https://other.example.com/"}},
            "secret",
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(BadSetting) as refused:
        registry(**changed)
    assert refused.value.field == field
    assert "0123456789" not in str(refused.value)


def test_names_of_dots_lead_nowhere_else() -> None:
    asked = template(url=URL + "/${name}${pointer}/x")
    with pytest.raises(Refused, match="made of dots"):
        asked.url_for({"name": ".", "pointer": "."})


def test_without_content_no_version_has_a_hash() -> None:
    assert registry().content_sha256(Pointer("a", "b"), "1", 1.0) is None
