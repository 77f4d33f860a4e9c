"""Which ids are pinned, and until when a model can be had."""

from __future__ import annotations

import string
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.models import (
    Calendar,
    Model,
    ModelEnd,
    ending,
    is_pinned,
    models_of,
    retiring,
    why_unpinned,
)

SHA = "0123456789abcdef" * 4
COMMIT = SHA[:40]
TODAY = date(2026, 11, 21)

PINNED = [
    ("openai", "gpt-4o-2024-11-20"),
    ("OpenAI", "GPT-4o-2024-11-20"),
    ("openai", "openai/gpt-5-2025-08-07"),
    ("openai", "gpt-4o-realtime-preview-2025-06-03"),
    ("openai", "gpt-4-0613"),
    ("openai", "gpt-3.5-turbo-0125"),
    ("openai", "gpt-4-1106-preview"),
    ("openai", "gpt-4-1106-vision-preview"),
    ("openai", "text-embedding-ada-002"),
    ("openai", "ft:gpt-4o-mini-2024-07-18:acme::AbC123"),
    ("openai", "ft:gpt-4.1-2025-04-14:acme:claims:AbC123:ckpt-step-90"),
    ("azure", "gpt-4o@2024-11-20:NoAutoUpgrade"),
    ("azure.ai.openai", "claims-chat@2024-11-20:OnceCurrentVersionExpired"),
    ("azure_openai", "gpt-35-turbo@0125:NoAutoUpgrade"),
    ("anthropic", "claude-3-5-haiku-20241022"),
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("anthropic", "claude-sonnet-4-6"),
    ("anthropic", "claude-opus-4-10"),
    ("anthropic", "claude-opus-5"),
    ("anthropic", "claude-sonnet-5-5"),
    ("anthropic", "claude-2.1"),
    ("google", "gemini-2.0-flash-001"),
    ("gcp.gemini", "models/gemini-1.5-pro-002"),
    ("gemini", "gemini-2.5-pro-preview-06-05"),
    ("gemini", "gemini-2.5-flash-native-audio-preview-12-2025"),
    ("gemini", "gemini-exp-1206"),
    ("vertex_ai", "gemini-2.0-flash-001"),
    ("vertex", "multimodalembedding@001"),
    ("vertex", "claude-sonnet-4-5@20250929"),
    ("vertex", "claude-sonnet-4-6"),
    ("vertex", "mistral-large@2411"),
    ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("bedrock", "global.anthropic.claude-sonnet-4-6"),
    ("bedrock", "anthropic.claude-opus-4-6-v1"),
    ("bedrock", "amazon.nova-pro-v1:0"),
    ("bedrock", "anthropic.claude-3-sonnet-20240229-v1:0:28k"),
    ("bedrock", "openai.gpt-oss-120b-1:0"),
    ("bedrock", "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0"),
    ("bedrock", "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0"),
    ("bedrock", "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3"),
    ("bedrock", "arn:aws:bedrock:eu-west-1:123456789012:custom-model/amazon.titan-text-lite-v1:0:4k/a1b2c3"),
    ("mistral", "mistral-large-2411"),
    ("mistral_ai", "mistral-medium-26-04"),
    ("cohere", "command-r-08-2024"),
    ("cohere", "embed-english-v3.0"),
    ("cohere", "rerank-v4.0-pro"),
    ("alibaba", "qwen-max-2025-01-25"),
    ("qwen", "qwen-plus-1220"),
    ("x_ai", "grok-4-0709"),
    ("vllm", f"acme/claims-7b@{COMMIT}"),
    ("huggingface", f"meta-llama/Llama-3.3-70B-Instruct@{COMMIT}"),
    ("ollama", f"llama3@sha256:{SHA}"),
    ("self-hosted", f"registry.acme/claims@sha256:{SHA}"),
    ("openai", f"gpt-oss-120b@{COMMIT}"),
    ("acme", f"claims@{COMMIT}"),
    ("acme", "claims-2026-01-31"),
    ("acme", "claims-20260131"),
    ("acme", "claims-01-2026"),
    ("acme", "claims-v2"),
    ("acme", "claims:v1.2"),
    ("acme", "claims-1.2.3"),
    ("acme", "claims@3"),
    ("acme", "claims-007"),
]

FLOATING = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-5.1-chat-latest"),
    ("openai", "chatgpt-4o-latest"),
    ("openai", "gpt-4-turbo-preview"),
    ("openai", "gpt-4o-2024-13-20"),
    ("openai", "gpt-4o-2024-11-20-beta"),
    ("openai", "ft:gpt-4o-mini"),
    ("openai", "gpt-4o-202٤-11-20"),
    ("azure", "gpt-4o"),
    ("azure", "gpt-4o@2024-11-20"),
    ("azure", "gpt-4o:NoAutoUpgrade"),
    ("azure", "gpt-4o@2024-11-20:OnceNewDefaultVersionAvailable"),
    ("azure", "gpt-4o-2024-11-20"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-opus-4-1"),
    ("anthropic", "claude-opus-4"),
    ("anthropic", "claude-3-5-sonnet-latest"),
    ("anthropic", "claude-opus"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-flash-latest"),
    ("google", "gemini-3.1-pro-preview"),
    ("vertex", "gemini-2.5-flash"),
    ("vertex", "claude-sonnet-4-5"),
    ("vertex", "claude-sonnet-4-6@default"),
    ("bedrock", "anthropic.claude-sonnet-4-5"),
    ("bedrock", "us.anthropic.claude"),
    ("bedrock", "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/a1b2c3"),
    ("bedrock", "arn:aws:bedrock:eu-west-1:123456789012:default-prompt-router/anthropic.claude:1"),
    ("mistral", "mistral-large-latest"),
    ("mistral", "mistral-medium-3"),
    ("cohere", "command-r"),
    ("cohere", "command-r-plus"),
    ("alibaba", "qwen-max"),
    ("alibaba", "qwen-plus-latest"),
    ("vllm", "acme/claims-7b"),
    ("vllm", "acme/claims-7b@main"),
    ("huggingface", f"meta-llama/Llama-3.3-70B-Instruct@{COMMIT[:7]}"),
    ("ollama", "llama3:latest"),
    ("ollama", "llama3:8b"),
    ("ollama", f"llama3@sha256:{SHA[:-1]}"),
    ("hf", "acme/claims-v2"),
    ("acme", "latest"),
    ("acme", "claims-stable"),
    ("acme", "claims-preview"),
    ("acme", "gpt-4"),
    ("acme", "embed-1024"),
    ("acme", "claims-3.5"),
    ("stand-in", "stand-in-small"),
    ("example", "one"),
    ("", "claims"),
    ("openai", ""),
    ("openai", "  "),
]


@pytest.mark.parametrize(("provider", "id"), PINNED)
def test_an_id_that_never_changes_what_it_stands_for_is_pinned(provider: str, id: str) -> None:
    assert is_pinned(provider, id)
    assert why_unpinned(provider, id) == ""


@pytest.mark.parametrize(("provider", "id"), FLOATING)
def test_any_other_id_is_not_and_it_is_said_why(provider: str, id: str) -> None:
    assert not is_pinned(provider, id)
    assert why_unpinned(provider, id)


@pytest.mark.parametrize("provider", sorted({provider for provider, _ in PINNED}))
def test_the_example_in_the_remedy_is_pinned_itself(provider: str) -> None:
    assert is_pinned(provider, why_unpinned(provider, "claims").rpartition("; write one like ")[2])


def test_a_word_that_moves_is_named() -> None:
    assert why_unpinned("mistral", "mistral-large-latest").startswith(
        "mistral-large-latest ends in latest, which moves on to newer models; write one like "
    )
    assert why_unpinned("openai", "gpt-4o").startswith("gpt-4o bears no date")
    assert why_unpinned("openai", " ") == "no model is named"


@given(
    st.sampled_from(["openai", "anthropic", "vertex", "azure", "bedrock", "hf", "acme", ""]),
    st.text(string.ascii_lowercase + string.digits + "-.:@/", max_size=20),
    st.sampled_from(["latest", "main", "stable", "preview"]),
)
def test_what_ends_in_a_moving_word_alone_is_never_pinned(provider: str, name: str, word: str) -> None:
    letters = name.translate(str.maketrans("", "", string.digits))  # A dated preview is another matter.
    assert not is_pinned(provider, f"{letters}-{word}")


@given(st.text(max_size=12), st.text(max_size=30))
def test_anything_can_be_asked_about(provider: str, id: str) -> None:
    assert is_pinned(provider, id) == (why_unpinned(provider, id) == "")
    assert is_pinned(provider, f"x@sha256:{SHA}")


BUNDLE = {
    "prompts": [{"ref": "git:answer@1"}],
    "model": {"provider": "openai", "id": "gpt-5-2025-08-07", "params": {"temperature": 0}},
    "fallbacks": [
        {"provider": "anthropic", "id": "anthropic.claude-opus-4-1-20250805-v1:0", "host": "bedrock"},
        {"provider": "mistral", "id": "mistral-large-2411"},
    ],
}


def test_a_bundle_names_a_model_and_its_fallbacks_in_their_order() -> None:
    assert models_of(BUNDLE) == (
        Model("openai", "gpt-5-2025-08-07"),
        Model("anthropic", "anthropic.claude-opus-4-1-20250805-v1:0", "fallback 1", "bedrock"),
        Model("mistral", "mistral-large-2411", "fallback 2"),
    )


@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        ({}, ()),
        ({"prompt": {"ref": "x"}, "model": {"provider": "a", "id": "b"}}, (Model("a", "b"),)),
        ({"model": None, "fallbacks": None}, ()),
        ({"model": "gpt", "fallbacks": "gpt"}, ()),
        ({"model": {}}, (Model("", ""),)),
        ({"model": {"provider": None, "id": 5}}, (Model("", "5"),)),
        ({"fallbacks": ["x", {"provider": "a", "id": "b"}]}, (Model("a", "b", "fallback 2"),)),
    ],
)
def test_a_bundle_of_another_shape_names_what_it_can(bundle: dict, expected: tuple) -> None:
    assert models_of(bundle) == expected


def end(provider: str = "openai", id: str = "one", day: date = TODAY, replacement: str = "") -> ModelEnd:
    return ModelEnd(provider, id, day, replacement)


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        (("openai", "gpt-4o-2024-11-20"), ("OpenAI", " GPT-4o-2024-11-20 ")),
        (("openai", "gpt-4o-2024-11-20"), ("openai", "openai/gpt-4o-2024-11-20")),
        (("openai", "gpt-4o-2024-11-20"), ("openai", "ft:gpt-4o-2024-11-20:acme::x")),
        (("google", "gemini-2.5-pro"), ("gcp.gemini", "models/gemini-2.5-pro")),
        (("vertex", "gemini-2.5-pro"), ("vertex_ai", "google/gemini-2.5-pro")),
        (("vertex", "gemini-2.5-pro"), ("vertex_ai", "vertex_ai/gemini-2.5-pro")),
        (
            ("vertex", "gemini-2.5-pro"),
            ("vertex", "projects/p/locations/l/publishers/google/models/gemini-2.5-pro"),
        ),
        (("vertex", "claude-3-haiku@20240307"), ("vertex", "claude-3-haiku-20240307")),
        (("azure", "gpt-4o@2024-11-20"), ("azure.ai.openai", "gpt-4o@2024-11-20:NoAutoUpgrade")),
        (("bedrock", "amazon.nova-pro-v1:0"), ("aws.bedrock", "us.amazon.nova-pro-v1:0")),
        (("bedrock", "meta.llama3-1-8b-instruct-v1:0"), ("bedrock", "meta.llama3-1-8b-instruct-v1:0")),
        (
            ("bedrock", "amazon.nova-pro-v1:0"),
            ("bedrock", "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0"),
        ),
        (
            ("bedrock", "amazon.nova-pro-v1:0"),
            ("bedrock", "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0"),
        ),
        (("acme", "org/claims-7b"), ("Acme", "acme/org/Claims-7B")),
    ],
)
def test_an_end_is_found_however_the_model_is_written(
    listed: tuple[str, str], asked: tuple[str, str]
) -> None:
    known = end(*listed)
    assert Calendar([known]).end_of(*asked) is known


@pytest.mark.parametrize(
    "asked",
    [
        ("openai", "gpt-4o"),
        ("azure", "gpt-4o-2024-11-20"),
        ("anthropic", "gpt-4o-2024-11-20"),
        ("openai", "gpt-4o-2024-11-20", "azure"),
        ("", ""),
    ],
)
def test_the_end_of_another_model_or_of_another_host_is_not_found(asked: tuple[str, ...]) -> None:
    assert Calendar([end("openai", "gpt-4o-2024-11-20")]).end_of(*asked) is None


def test_a_host_keeps_dates_of_its_own() -> None:
    own, hosted = end("anthropic", "claude-opus-5"), end("bedrock", "claude-opus-5", TODAY + timedelta(90))
    calendar = Calendar([own, hosted])
    assert calendar.end_of("anthropic", "claude-opus-5") is own
    assert calendar.end_of("anthropic", "claude-opus-5", host="Bedrock") is hosted


def test_a_fine_tuned_model_with_a_date_of_its_own_keeps_it() -> None:
    tuned = end("openai", "ft:gpt-4o:acme::x", TODAY + timedelta(9))
    calendar = Calendar([end("openai", "gpt-4o"), tuned])
    assert calendar.end_of("openai", "ft:gpt-4o:acme::x") is tuned


def test_dates_of_the_other_calendar_win_and_what_it_leaves_out_stays() -> None:
    kept = Calendar([end(day=TODAY, replacement="two"), end(id="three")])
    merged = kept.merged_with(Calendar([end(day=TODAY + timedelta(30)), end(id="four")]))
    assert merged.end_of("openai", "one") == end(day=TODAY + timedelta(30), replacement="two")
    assert {known.id for known in merged} == {"one", "three", "four"}
    assert len(kept) == 2


ends = st.builds(
    end,
    provider=st.sampled_from(["openai", "OpenAI", "bedrock", "acme"]),
    id=st.sampled_from(["one", "ONE", "two", "three"]),
    day=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    replacement=st.sampled_from(["", "four"]),
)
calendars = st.lists(ends, max_size=8).map(Calendar)
NAMES = [(provider, id) for provider in ("openai", "bedrock", "acme") for id in ("one", "two", "three")]


def dates(calendar: Calendar) -> dict[tuple[str, str], date]:
    found = {name: calendar.end_of(*name) for name in NAMES}
    return {name: known.ends_at for name, known in found.items() if known}


@given(st.lists(ends, max_size=8), st.randoms(use_true_random=False))
def test_of_two_dates_in_one_calendar_the_earlier_counts_in_any_order(listed: list[ModelEnd], dice) -> None:
    earliest: dict[tuple[str, str], date] = {}
    for known in listed:
        name = known.provider.lower(), known.id.lower()
        earliest[name] = min(known.ends_at, earliest.get(name, known.ends_at))
    dice.shuffle(listed)
    assert dates(Calendar(listed)) == earliest
    assert len(Calendar(listed)) == len(earliest)


@given(calendars, calendars)
def test_merging_takes_every_date_of_the_other_and_adds_its_own(ours: Calendar, theirs: Calendar) -> None:
    assert dates(ours.merged_with(theirs)) == dates(ours) | dates(theirs)


@given(calendars, calendars, calendars)
def test_merging_can_be_done_in_any_grouping(one: Calendar, two: Calendar, three: Calendar) -> None:
    assert list(one.merged_with(two).merged_with(three)) == list(one.merged_with(two.merged_with(three)))
    assert list(one.merged_with(Calendar())) == list(one) == list(Calendar().merged_with(one))
    assert list(one.merged_with(one)) == list(one)


models = st.lists(st.builds(Model, provider=st.just("openai"), id=st.sampled_from(["one", "two", "none"])))


@given(calendars, models, st.integers(0, 400))
def test_what_ends_within_some_days_is_what_ends_on_or_before_the_last(
    calendar: Calendar, asked: list[Model], days: int
) -> None:
    found = calendar.ending_within(asked, TODAY, days)
    last = TODAY + timedelta(days)
    known = dates(calendar)
    assert sorted(model.id for model, _ in found) == sorted(
        model.id for model in asked if known.get(("openai", model.id), date.max) <= last
    )
    assert [ending.ends_at for _, ending in found] == sorted(ending.ends_at for _, ending in found)


@given(calendars, models, st.integers(0, 400))
def test_a_stage_is_refused_for_each_model_that_does_not_outlast_it(
    calendar: Calendar, asked: list[Model], days: int
) -> None:
    until = TODAY + timedelta(days)
    refused = list(retiring(asked, calendar, TODAY, until))
    assert len(refused) == len(calendar.ending_within(asked, TODAY, days))
    retired = [refusal for refusal in refused if refusal.code == "model_retired"]
    assert len(retired) == len(calendar.ending_within(asked, TODAY, 0))
    assert {refusal.code for refusal in refused} <= {"model_retired", "model_retires"}


def refusals(*days: int, until: int = 60, replacement: str = ""):
    asked = [Model("openai", "one"), Model("acme", "two", "fallback 1", "bedrock")]
    known = [end("openai", "one"), end("bedrock", "two")]
    listed = [
        ModelEnd(one.provider, one.id, TODAY + timedelta(day), replacement)
        for one, day in zip(known, days, strict=False)
    ]
    return list(retiring(asked, Calendar(listed), TODAY, TODAY + timedelta(until)))


def test_a_model_that_ends_before_the_stage_does_is_named_with_both_days() -> None:
    (refusal,) = refusals(20, replacement="three")
    assert (refusal.code, refusal.field) == ("model_retires", "model")
    assert refusal.message == (
        "the model openai one is retired on 2026-12-11, and the stage is planned to last until 2027-01-20"
    )
    assert refusal.remedy == "make a release with three, or plan a shorter stage"


def test_without_a_replacement_any_model_that_lasts_longer_will_do() -> None:
    (refusal,) = refusals(20)
    assert refusal.remedy == "make a release with a model that lasts longer, or plan a shorter stage"


def test_a_fallback_is_refused_as_a_fallback() -> None:
    (refusal,) = refusals(99, 20)
    assert refusal.field == "fallbacks"
    assert refusal.message.startswith("fallback 1 (bedrock two) is retired on 2026-12-11, and the stage")


@pytest.mark.parametrize("day", [-400, -1, 0])
def test_a_model_whose_day_has_come_is_retired_however_short_the_stage(day: int) -> None:
    (refusal,) = refusals(day, until=-1)
    assert (refusal.code, refusal.field) == ("model_retired", "model")
    assert refusal.message == f"the model openai one was retired on {TODAY + timedelta(day)}"
    assert refusal.remedy == "make a release with a model that is still served"


def test_the_last_day_of_a_stage_counts_and_the_day_after_does_not() -> None:
    assert [refusal.code for refusal in refusals(60)] == ["model_retires"]
    assert refusals(61) == []


def test_a_model_whose_end_nobody_knows_is_not_refused() -> None:
    assert refusals() == []


def test_where_no_stage_is_planned_only_the_day_is_named() -> None:
    calendar = Calendar([ModelEnd("openai", "one", TODAY + timedelta(20))])
    (refusal,) = ending([Model("openai", "one")], calendar, TODAY, TODAY + timedelta(60))
    assert refusal.message == "the model openai one is retired on 2026-12-11"
    assert refusal.remedy == "make a release with a model that lasts longer"
