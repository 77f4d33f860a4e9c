"""What every listing promises: all ends that a provider names, or an error; never an empty answer by mistake."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import pytest

from controller.http import Outbound
from controller.model_calendar.listings import LISTINGS, asked, chosen
from controller.model_calendar.listings.listing import BadListing
from controller.secrets import Secrets
from controller.settings import BadSettingValue
from tests.endpoint import (
    SLOW_BODY,
    Behaviour,
    closed_port,
    flooding,
    hanging,
    replying,
    serving,
)

KEY = "a-key-that-nobody-may-see"
MARGIN_S = 15.0
MAX_SENT = 30_000_000


class Case(StrEnum):
    """What a listing meets in the world."""

    EMPTY = "empty"
    NO_FIELD = "without the field"
    WRONG_JSON = "wrong JSON"
    WRONG_TYPES = "wrong types"
    NOT_ACCEPTED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    TOO_MANY_REQUESTS = "429"
    SERVER_ERROR = "500"
    HANG = "hang"
    SLOW_BODY = "slow body"
    REDIRECT = "redirect"
    BROKEN_OFF = "broken off"
    FLOOD = "100 MB"


def answering(content: Any) -> Behaviour:
    return replying(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


BEHAVIOURS: Mapping[Case, Behaviour] = {
    Case.WRONG_JSON: replying(200, f'{{"data": "{KEY}", '.encode()),
    Case.WRONG_TYPES: answering([{"data": 1}, None, KEY]),
    Case.NOT_ACCEPTED: replying(401, f'{{"error": "bad key {KEY}"}}'.encode()),
    Case.FORBIDDEN: replying(403, KEY.encode()),
    Case.NOT_FOUND: replying(404, KEY.encode()),
    Case.TOO_MANY_REQUESTS: replying(429, KEY.encode(), {"Retry-After": "30"}),
    Case.SERVER_ERROR: replying(500, b"<h1>oops</h1>"),
    Case.HANG: hanging,
    Case.SLOW_BODY: SLOW_BODY,
    Case.REDIRECT: replying(302, b"", {"Location": "http://127.0.0.1:1/"}),
    Case.BROKEN_OFF: lambda call: call.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    Case.FLOOD: flooding(100_000_000),
}
DEADLINES_S = dict.fromkeys(Case, 20.0) | dict.fromkeys((Case.HANG, Case.SLOW_BODY), 0.4)


@dataclass(frozen=True)
class Kind:
    """How a listing looks in its provider's documentation.

    ``ok`` names the ends in ``ends``; ``empty`` lists no model, ``no_field`` no model with a field for its end, and
    each of ``wrong`` is something else than documented.
    """

    path: str
    ok: Any
    ends: Mapping[str, date]
    empty: Any
    no_field: Any
    wrong: tuple[Any, ...]
    settings: Mapping[str, str]
    address: str


def openai_model(id: object = "gpt-5-2025-08-07", **more: object) -> dict[str, object]:
    return {"id": id, "object": "model", "created": 1686935002, "owned_by": "openai", **more}


def openai_list(*models: object, **more: object) -> dict[str, object]:
    return {"object": "list", "data": list(models), **more}


def bedrock_model(id: object = "amazon.nova-pro-v1:0", **lifecycle: object) -> dict[str, object]:
    return {
        "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{id}",
        "modelId": id,
        "modelName": "Nova",
        "providerName": "Amazon",
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "LEGACY", **lifecycle},
    }


def bedrock_list(*models: object) -> dict[str, object]:
    return {"modelSummaries": list(models)}


KINDS: Mapping[str, Kind] = {
    "openai": Kind(
        path="/models",
        ok=openai_list(
            openai_model(shutdown_date="2026-12-11"),
            openai_model("gpt-6-luna", shutdown_date=None),
            openai_model("babbage-002"),
            openai_model("o3-2025-04-16", shutdown_date=1797033600),
        ),
        ends={"gpt-5-2025-08-07": date(2026, 12, 11), "o3-2025-04-16": date(2026, 12, 12)},
        empty=openai_list(),
        no_field=openai_list(openai_model()),
        wrong=(
            {"object": "list"},
            openai_list("gpt-5"),
            openai_list(openai_model(None, shutdown_date=None)),
            openai_list(openai_model(" ", shutdown_date=None)),
            openai_list(openai_model(shutdown_date="soon")),
            openai_list(openai_model(shutdown_date=True)),
            openai_list(openai_model(shutdown_date=1e300)),
            openai_list(openai_model(shutdown_date={"date": "2026-12-11"})),
            openai_list(openai_model(shutdown_date=None), has_more=True),
        ),
        settings={},
        address="https://api.openai.com/v1/models",
    ),
    "bedrock": Kind(
        path="/foundation-models",
        ok=bedrock_list(
            bedrock_model(
                startOfLifeTime="2025-05-22T00:00:00+00:00",
                legacyTime="2026-04-14T08:00:00+00:00",
                publicExtendedAccessTime="2026-07-14T08:00:00+00:00",
                endOfLifeTime="2026-10-14T08:00:00+00:00",
            ),
            bedrock_model("amazon.nova-lite-v1:0", status="ACTIVE"),
            bedrock_model("amazon.nova-micro-v1:0", endOfLifeTime=None),
            {"modelId": "amazon.titan-v1", "modelArn": "arn:…"},
            bedrock_model("amazon.nova-sonic-v1:0", endOfLifeTime="2026-09-14T23:30:00-02:00"),
            bedrock_model("amazon.nova-canvas-v1:0", endOfLifeTime=1790726400.0),
        ),
        ends={
            "amazon.nova-pro-v1:0": date(2026, 10, 14),
            "amazon.nova-sonic-v1:0": date(2026, 9, 15),
            "amazon.nova-canvas-v1:0": date(2026, 9, 30),
        },
        empty=bedrock_list(),
        no_field=bedrock_list({"modelId": "amazon.nova-pro-v1:0"}),
        wrong=(
            {"models": []},
            bedrock_list(1),
            bedrock_list(bedrock_model(7)),
            bedrock_list({**bedrock_model(), "modelLifecycle": "LEGACY"}),
            bedrock_list({**bedrock_model(), "modelLifecycle": {}}),
            bedrock_list(bedrock_model(status=1)),
            bedrock_list(bedrock_model(endOfLifeTime="October 2026")),
            bedrock_list(bedrock_model(endOfLifeTime=["2026-10-14"])),
        ),
        settings={"region": "us-east-1"},
        address="https://bedrock.us-east-1.amazonaws.com/foundation-models",
    ),
}
"""How each listing in the registry is documented; one line for every line there."""


def fetch(name: str, url: str, deadline_s: float = 20.0):
    settings = {**KINDS[name].settings, "url": url}
    return LISTINGS[name].fetch(Outbound(), KEY, settings, deadline_s)


def behaviour_of(name: str, case: Case) -> Behaviour:
    own = {Case.EMPTY: KINDS[name].empty, Case.NO_FIELD: KINDS[name].no_field}
    return answering(own[case]) if case in own else BEHAVIOURS[case]


def test_every_listing_in_the_registry_is_documented_here_and_no_other() -> None:
    assert set(KINDS) == set(LISTINGS)


@pytest.mark.parametrize("name", LISTINGS)
def test_all_ends_are_read_and_models_without_one_are_none(name: str) -> None:
    with serving(answering(KINDS[name].ok)) as endpoint:
        ends = fetch(name, endpoint.url + "/")
    assert {end.id: end.ends_at for end in ends} == KINDS[name].ends
    assert {end.provider for end in ends} == {LISTINGS[name].provider}
    assert all(end.source for end in ends)


@pytest.mark.parametrize("name", LISTINGS)
def test_the_key_goes_with_the_one_request_as_a_bearer_token(name: str) -> None:
    with serving(answering(KINDS[name].ok)) as endpoint:
        fetch(name, endpoint.url)
    (call,) = endpoint.calls
    assert (call.method, call.path) == ("GET", KINDS[name].path)
    assert call.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("case", Case)
@pytest.mark.parametrize("name", LISTINGS)
def test_whatever_is_not_a_listing_is_an_error_in_time_that_repeats_nothing(name: str, case: Case) -> None:
    with serving(behaviour_of(name, case)) as endpoint:
        began = time.monotonic()
        with pytest.raises(BadListing) as failed:
            fetch(name, endpoint.url, DEADLINES_S[case])
        elapsed = time.monotonic() - began
    assert elapsed < DEADLINES_S[case] + MARGIN_S
    assert endpoint.bytes_sent < MAX_SENT
    text = str(failed.value)
    assert text.isprintable()
    assert 0 < len(text) < 200
    assert KEY not in text
    assert "oops" not in text
    if case.value.isdigit():
        assert f"HTTP {case.value}" in text


@pytest.mark.parametrize(
    ("name", "content"), [(name, content) for name in LISTINGS for content in KINDS[name].wrong]
)
def test_a_shape_that_is_not_documented_is_an_error(name: str, content: object) -> None:
    with serving(answering(content)) as endpoint, pytest.raises(BadListing):
        fetch(name, endpoint.url)


@pytest.mark.parametrize("name", LISTINGS)
def test_nobody_there_is_an_error(name: str) -> None:
    with pytest.raises(BadListing):
        fetch(name, f"http://127.0.0.1:{closed_port()}")


@pytest.mark.parametrize("name", LISTINGS)
def test_the_address_is_the_providers_own_unless_the_operator_gives_another(name: str) -> None:
    kind, listing = KINDS[name], LISTINGS[name]
    assert listing.url(kind.settings) == kind.address
    assert listing.url({"url": "http://proxy:8080/ai/"}) == f"http://proxy:8080/ai{kind.path}"


@pytest.mark.parametrize(
    "settings",
    [{}, {"region": ""}, {"region": "evil.example.com/"}, {"region": "us-east-1", "zone": "a"}],
)
def test_a_setting_that_cannot_be_used_is_named(settings: dict[str, str]) -> None:
    with pytest.raises(BadListing, match=r"the setting (region|zone) is"):
        LISTINGS["bedrock"].url(settings)


def secrets(name: str, origin: str) -> Secrets:
    return Secrets({f"HEADGATE_SECRET_{name.upper()}": f"{origin} {KEY}"})


@pytest.mark.parametrize("name", LISTINGS)
def test_the_key_is_taken_from_where_the_operator_keeps_it(name: str) -> None:
    with serving(answering(KINDS[name].ok)) as endpoint:
        settings = {name: {**KINDS[name].settings, "url": endpoint.url}}
        ask = asked(settings, Outbound(), secrets(name, endpoint.url))[name]
        assert {end.id for end in ask()} == set(KINDS[name].ends)


@pytest.mark.parametrize("name", LISTINGS)
def test_a_key_for_another_address_or_none_is_an_error_and_nothing_is_sent(name: str) -> None:
    with serving(answering(KINDS[name].ok)) as endpoint:
        settings = {name: {**KINDS[name].settings, "url": endpoint.url}}
        for kept in (secrets(name, "https://elsewhere.example.com"), Secrets({})):
            with pytest.raises(BadListing, match=f"env:{name.upper()}") as failed:
                asked(settings, Outbound(), kept)[name]()
            assert KEY not in str(failed.value)
    assert endpoint.calls == []


def test_only_listings_with_settings_are_asked() -> None:
    assert asked({}, Outbound(), Secrets({})) == {}
    assert set(asked({"openai": {}}, Outbound(), Secrets({}))) == {"openai"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"acme": {}}, "there is no listing acme; known are bedrock, openai"),
        ({"openai": {"key": "x"}}, "openai: the setting key is unknown; known are url"),
        ({"bedrock": {}}, "bedrock: the setting region is missing"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_at_once(settings: dict, reason: str) -> None:
    with pytest.raises(BadListing, match=reason):
        asked(settings, Outbound(), Secrets({}))


@pytest.mark.parametrize(
    ("written", "settings"),
    [
        ("", {}),
        ("openai", {"openai": {}}),
        (
            " openai  bedrock?region=eu-central-1 ",
            {"openai": {}, "bedrock": {"region": "eu-central-1"}},
        ),
        ("openai?url=http://proxy:8080/v1", {"openai": {"url": "http://proxy:8080/v1"}}),
    ],
)
def test_an_operator_writes_the_listings_to_be_asked_in_one_line(written: str, settings: dict) -> None:
    assert chosen(written) == settings


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("acme", "there is no listing acme"),
        ("openai openai", "openai is named twice"),
        ("bedrock", "bedrock: the setting region is missing"),
        ("openai?url", "cannot be used"),
        ("openai?key=x", "openai: the setting key is unknown"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused(written: str, reason: str) -> None:
    with pytest.raises(BadSettingValue, match=reason) as refused:
        chosen(written)
    assert str(refused.value).startswith(f"HEADGATE_MODEL_LISTINGS='{written}' cannot be used: ")
