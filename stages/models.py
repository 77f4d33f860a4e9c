"""Which model ids never change what they stand for, and until when each model can be had."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from stages.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Model:
    """A model that a release asks for.

    ``role`` is ``model``, or ``fallback 1`` for the first fallback. ``host`` is who serves it, if that is not the
    provider itself, such as ``bedrock`` for a model of Anthropic.
    """

    provider: str
    id: str
    role: str = "model"
    host: str = ""

    @property
    def field(self) -> str:
        """The field of a bundle that names the model."""
        return "model" if self.role == "model" else "fallbacks"

    def __str__(self) -> str:
        written = f"{self.host or self.provider} {self.id}"
        return f"the model {written}" if self.field == "model" else f"{self.role} ({written})"


def models_of(bundle: Mapping[str, Any]) -> tuple[Model, ...]:
    """The model and the fallbacks that the bundle of a release names; one that has no provider or id has empty ones."""
    places = [("model", bundle.get("model")), *_numbered(bundle.get("fallbacks"))]
    return tuple(_model(role, named) for role, named in places if isinstance(named, Mapping))


def _numbered(fallbacks: object) -> Iterator[tuple[str, object]]:
    for place, named in enumerate(fallbacks if isinstance(fallbacks, list | tuple) else (), start=1):
        yield f"fallback {place}", named


def _model(role: str, named: Mapping[str, Any]) -> Model:
    provider, id, host = (str(named.get(key) or "") for key in ("provider", "id", "host"))
    return Model(provider, id, role, host)


# How ids are written. A year keeps a number of parameters or dimensions from passing for a date.
_YEAR, _MONTH, _DAY = r"20[2-9]\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_DATE = f"{_YEAR}-{_MONTH}-{_DAY}"
_COMPACT_DATE = f"{_YEAR}{_MONTH}{_DAY}"
_MONTH_DAY = f"{_MONTH}{_DAY}"
_YEAR_MONTH = r"2[2-9]" + _MONTH
_FINE_TUNED = r"(?:^|/)ft:[^:]+:[^:]*:[^:]*:[^:]+(?::[^:]+)?"
_CLAUDE = r"(?:^|[/.])claude-[a-z]+-(?:4-(?:[6-9]|[1-9]\d)|(?:[5-9]|[1-9]\d)(?:-\d{1,2})?)"
"""Claude from 4.6 on: its ids bear no date, and Anthropic promises of each that it is one pinned version."""
_DIGEST = re.compile(r"@(?:sha256:[0-9a-f]{64}|[0-9a-f]{40})\Z")
_MOVING_WORD = re.compile(
    r"(?:^|[-_.:@/])(latest|main|master|head|stable|preview|default|nightly|dev|exp|experimental)\Z"
)


@dataclass(frozen=True, slots=True)
class _Habit:
    """How a provider, or who serves models, writes ids.

    ``names`` are its spellings; ``pinned`` are the ends of ids that never change what they stand for; ``why`` tells
    what is wrong with all other ids, and ``example`` is a good one. ``wrapping`` is what an id may be wrapped in.
    """

    names: tuple[str, ...]
    pinned: tuple[str, ...]
    why: str
    example: str
    wrapping: re.Pattern[str] = re.compile(r"(?!)")

    def holds(self, id: str) -> bool:
        """Whether an id in lower case is pinned."""
        return any(re.search(rf"(?:{form})\Z", id, re.ASCII) for form in self.pinned)


_GEMINI = (
    r"-0\d\d",
    rf"-(?:preview|exp)-{_MONTH}-(?:{_DAY}|{_YEAR})",
    rf"-exp-{_MONTH_DAY}",
)
_HABITS = (
    _Habit(
        ("openai",),
        (f"-{_DATE}", rf"-{_MONTH_DAY}(?:(?:-vision)?-preview)?", r"-00\d", _FINE_TUNED),
        "bears no date, so it may stand for a newer snapshot tomorrow",
        "gpt-4.1-2025-04-14",
    ),
    _Habit(
        ("azure", "azure-openai", "azure-ai", "azure-ai-openai", "azure-ai-inference", "foundry"),
        (r"@\d[0-9a-z.-]*:(?:noautoupgrade|oncecurrentversionexpired)",),
        "does not name its version and an upgrade policy that keeps it",
        "gpt-4.1@2025-04-14:NoAutoUpgrade",
        re.compile(r":(?:noautoupgrade|oncecurrentversionexpired|oncenewdefaultversionavailable)\Z"),
    ),
    _Habit(
        ("anthropic", "claude"),
        (f"-{_COMPACT_DATE}", _CLAUDE, r"claude-(?:instant-)?[12]\.\d"),
        "is a convenience alias, not the id of one version",
        "claude-sonnet-4-5-20250929",
    ),
    _Habit(
        ("google", "gemini", "google-gemini", "google-genai", "gcp-gemini", "gcp-gen-ai"),
        _GEMINI,
        "bears no number of a version, so Google may lead it elsewhere",
        "gemini-2.0-flash-001",
        re.compile(r"^(?:.*/)?models/"),
    ),
    _Habit(
        ("vertex", "vertex-ai", "vertexai", "google-vertex", "gcp-vertex-ai"),
        (*_GEMINI, rf"@(?:0\d\d|{_YEAR_MONTH}|{_COMPACT_DATE})", _CLAUDE),
        "bears no number of a version, so Google may lead it elsewhere",
        "gemini-2.0-flash-001",
        re.compile(r"^(?:(?:.*/)?models|google|anthropic)/"),
    ),
    _Habit(
        ("bedrock", "amazon-bedrock", "aws-bedrock", "aws"),
        (
            r"-v?\d+(?::\d+k?)+",
            r"-v\d+",
            _CLAUDE,
            r"(?:^|:)(?:application-inference-profile|custom-model|imported-model)/[0-9a-z./:-]+",
        ),
        "bears no version",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        re.compile(
            r"^(?:arn:[^/]*:bedrock:[^/]*:)?(?:foundation-model/|inference-profile/)?"
            r"(?:(?:us|us-gov|eu|apac|jp|au|ca|global)\.)?"
        ),
    ),
    _Habit(
        ("mistral", "mistralai", "mistral-ai"),
        (f"-{_YEAR_MONTH}", rf"-2[2-9]-{_MONTH}", _FINE_TUNED),
        "bears no year and month",
        "mistral-large-2411",
    ),
    _Habit(
        ("cohere",),
        (f"-{_MONTH}-{_YEAR}", r"-v\d+\.\d+(?:-(?:fast|pro))?"),
        "bears neither month and year nor a version",
        "command-a-03-2025",
    ),
    _Habit(
        ("alibaba", "qwen", "dashscope", "alibaba-cloud"),
        (f"-{_DATE}", f"-{_MONTH_DAY}"),
        "is not the id of a snapshot",
        "qwen-max-2025-01-25",
    ),
    _Habit(("xai", "x-ai"), (f"-{_MONTH_DAY}",), "bears no date", "grok-4-0709"),
    _Habit(
        ("self-hosted", "selfhosted", "vllm", "huggingface", "hugging-face", "hf", "ollama", "tgi", "sglang"),
        (),
        "names no commit or digest of the weights",
        "acme/claims-7b@0123456789abcdef0123456789abcdef01234567",
    ),
)
"""Every provider whose habits are known. A digest at the end of an id pins it whoever provides it."""
_UNKNOWN = _Habit(
    (),
    (
        rf"[-_@:](?:{_DATE}|{_COMPACT_DATE}|{_MONTH}-{_YEAR})",
        r"[-_@:/]v\d+(?:[.:]\d+)*",
        r"[-_@:]\d+\.\d+\.\d+",
        r"@\d+(?:\.\d+)*",
        r"-0\d\d",
    ),
    "bears neither a date nor a version nor a digest",
    "small-2025-08-07",
)
_BY_NAME: Mapping[str, _Habit] = {name: habit for habit in _HABITS for name in habit.names}


def is_pinned(provider: str, id: str) -> bool:
    """Whether an id stands for the same model for as long as it works. What is not known to be pinned is not."""
    return not why_unpinned(provider, id)


def why_unpinned(provider: str, id: str) -> str:
    """Why an id may stand for another model tomorrow, and how a better one looks; empty if it is pinned.

    ``provider`` is who serves the model: for one of Anthropic's on Bedrock it is Bedrock.
    """
    written = id.strip().lower()
    habit = _habit(provider)
    if not written:
        return "no model is named"
    if _DIGEST.search(written) or habit.holds(written):
        return ""
    if moving := _MOVING_WORD.search(written):
        return f"{id} ends in {moving[1]}, which moves on to newer models; write one like {habit.example}"
    return f"{id} {habit.why}; write one like {habit.example}"


def _habit(provider: str) -> _Habit:
    return _BY_NAME.get(_spelled(provider), _UNKNOWN)


def _spelled(provider: str) -> str:
    return re.sub(r"[\s._]+", "-", provider.strip().lower())


@dataclass(frozen=True, slots=True)
class ModelEnd:
    """When a provider takes a model away.

    ``ends_at`` is the provider's own date: from that day on the model is taken for gone, although some providers
    serve it until the evening. ``source`` tells who says so, ``checked_at`` when that was read.
    """

    provider: str
    id: str
    ends_at: date
    replacement: str = ""
    source: str = ""
    checked_at: date | None = None


class Calendar:
    """The ends of models, by who serves them. Of two dates for one model the earlier counts."""

    __slots__ = ("_ends",)

    def __init__(self, ends: Iterable[ModelEnd] = ()) -> None:
        """Take the ends in any order; how provider and id are spelled does not matter."""
        self._ends: dict[tuple[str, str], ModelEnd] = {}
        for end in ends:
            key = _key(end.provider, end.id)
            known = self._ends.get(key)
            if known is None or end.ends_at < known.ends_at:
                self._ends[key] = end

    def __iter__(self) -> Iterator[ModelEnd]:
        return iter(self._ends.values())

    def __len__(self) -> int:
        return len(self._ends)

    def end_of(self, provider: str, id: str, host: str = "") -> ModelEnd | None:
        """The end of a model, or None if none is known.

        Whoever serves a model sets its date, so with a ``host`` only that one's dates count. A fine-tuned model ends
        with the model under it, unless it has a date of its own.
        """
        seller, name = _key(host or provider, id)
        base = name.split(":")[1] if name.startswith("ft:") else name
        return self._ends.get((seller, name)) or self._ends.get((seller, base))

    def merged_with(self, other: Calendar) -> Calendar:
        """Both calendars in one, in which the other's dates win. What the other leaves out of an end stays."""
        merged = Calendar()
        merged._ends = self._ends | {
            key: _completed(end, self._ends.get(key)) for key, end in other._ends.items()
        }
        return merged

    def ending_within(
        self, models: Iterable[Model], today: date, days: int
    ) -> tuple[tuple[Model, ModelEnd], ...]:
        """Those of the models that end at most so many days after today, or have ended, the soonest first."""
        last = today + timedelta(days=days)
        found = [(model, self.end_of(model.provider, model.id, model.host)) for model in models]
        ending = [(model, end) for model, end in found if end is not None and end.ends_at <= last]
        return tuple(sorted(ending, key=lambda pair: pair[1].ends_at))


def _completed(end: ModelEnd, known: ModelEnd | None) -> ModelEnd:
    return replace(end, replacement=end.replacement or known.replacement) if known else end


@lru_cache(maxsize=4096)
def _key(provider: str, id: str) -> tuple[str, str]:
    """The one spelling of who serves a model and of its id, for all ways in which tools write them."""
    habit = _habit(provider)
    name = id.strip().lower()
    prefix, _, rest = name.partition("/")
    if rest and _seller(prefix) == _seller(provider):
        name = rest
    return _seller(provider), habit.wrapping.sub("", name, count=1).replace("@", "-")


def same_seller(one: str, other: str) -> bool:
    """Whether two spellings name the same one who serves models."""
    return _seller(one) == _seller(other)


def seller(model: Model) -> str:
    """The one name of who serves a model, however it is spelled."""
    return _seller(model.host or model.provider)


def model_key(model: Model) -> str:
    """The one name of a model and of who serves it, however they are spelled."""
    return "/".join(_key(model.host or model.provider, model.id))


def _seller(provider: str) -> str:
    """The first of the names of who serves a model."""
    return next(iter(_habit(provider).names), _spelled(provider))


def retiring(models: Iterable[Model], calendar: Calendar, today: date, until: date) -> Iterator[Refusal]:
    """One refusal for each model that is gone already, or goes on or before ``until``, the planned end of a stage."""
    for ends in ending(models, calendar, today, until):
        if ends.code == "model_retired":
            yield ends
        else:
            message = f"{ends.message}, and the stage is planned to last until {until}"
            yield replace(ends, message=message, remedy=f"{ends.remedy}, or plan a shorter stage")


def ending(models: Iterable[Model], calendar: Calendar, today: date, until: date) -> Iterator[Refusal]:
    """One refusal for each model that is gone already, or goes on or before ``until``, whatever is planned."""
    for model in models:
        end = calendar.end_of(model.provider, model.id, model.host)
        if end is None:
            continue
        if end.ends_at <= today:
            message = f"{model} was retired on {end.ends_at}"
            yield Refusal("model_retired", message, _another(end, "is still served"), model.field)
        elif end.ends_at <= until:
            message = f"{model} is retired on {end.ends_at}"
            yield Refusal("model_retires", message, _another(end, "lasts longer"), model.field)


def _another(end: ModelEnd, quality: str) -> str:
    return f"make a release with {end.replacement or f'a model that {quality}'}"
