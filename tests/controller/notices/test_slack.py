from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.http import Outbound
from controller.notices.channel import Notice
from controller.notices.slack import Slack, text_of
from controller.secrets import Secrets
from tests.endpoint import replying, serving

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def notice(**data: Any) -> Notice:
    return Notice(id="msg_7", event="trigger.fired", project="acme", created_at=NOW, data=data)


def test_what_matters_most_stands_first() -> None:
    text = text_of(notice(revision=7, sentence="5 of 5 are bad", feature="claims", reasons=["a"], empty=""))
    assert text.splitlines() == [
        "*trigger.fired* in acme",
        "feature: claims",
        "sentence: 5 of 5 are bad",
        "revision: 7",
        'reasons: ["a"]',
    ]


def test_nobody_is_mentioned_and_no_link_is_disguised() -> None:
    text = text_of(notice(reason="<!channel> <@U1> <https://evil.example|our bank> & more", **{"<!here>": 1}))
    assert "<" not in text
    assert "&lt;!channel&gt; &lt;@U1&gt;" in text
    assert "&amp; more" in text


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text()), max_size=4))
def test_whatever_stands_in_a_notice_slack_finds_nothing_to_act_on(data: dict[str, Any]) -> None:
    text = text_of(notice(reason="x", data=data))
    assert "<" not in text
    assert ">" not in text


def test_a_long_text_is_cut() -> None:
    assert len(text_of(notice(reason="a" * 10_000))) < 3100


def test_the_secret_is_the_end_of_the_address() -> None:
    with serving(replying(200, b"ok")) as endpoint:
        secrets = Secrets({"HEADGATE_SECRET_HOOK": f"{endpoint.url} T000/B000/XXXX"})
        settings = {"url": f"{endpoint.url}/services", "secret": "env:HOOK"}
        slack = Slack.from_settings(settings, Outbound(), secrets)
        slack.send(notice(reason="x"), NOW, 5)
    assert endpoint.calls[0].path == "/services/T000/B000/XXXX"
    assert json.loads(endpoint.calls[0].body)["unfurl_links"] is False
    assert "XXXX" not in repr(slack)


def test_by_itself_it_goes_to_slack() -> None:
    secrets = Secrets({"HEADGATE_SECRET_HOOK": "https://hooks.slack.com T000/B000/XXXX"})
    slack = Slack.from_settings({"secret": "env:HOOK"}, Outbound(), secrets)
    assert slack.url == "https://hooks.slack.com/services/T000/B000/XXXX"
