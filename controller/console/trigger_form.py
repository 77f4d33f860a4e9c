"""A trigger as people write it in a form, as the body that the API takes.

What cannot be read stays as it was written, so that the schema of the API says what is wrong with it, and where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from werkzeug.datastructures import MultiDict

from controller.api.parsing import load
from controller.api.trigger_schemas import TriggerSchema
from controller.console.words import duration
from controller.store.triggers import StoredTrigger
from controller.trigger_definitions import Definition
from triggers import Arming, Lack, rule_to_json

Body = dict[str, Any]
Sent = MultiDict[str, str]

OTHER = "other-"
"""How the fields begin whose settings are tried beside those of the form."""
ROWS = 21
"""No form has more rows of a kind: a ladder has 20 rungs at most."""
TIMES = ("window_s", "interval_s", "hold_s", "clear_s", "cooldown_s", "max_staleness_s", "baseline_offset_s")
_CHOSEN = ("key", "class", "source", "method", "scope", "baseline", "arming")
_SECONDS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "day": 86_400, "days": 86_400}
_SPAN = re.compile(r"([0-9]{1,9}) *([a-z]*)")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_BEGUN: Body = {
    "source": "outcomes",
    "query": {"measure": "unsupported"},
    "method": "evidence",
    "params": {"limit": 0.05},
    "window_s": 300,
    "interval_s": 60,
    "arming": "shadow",
    "ladder": [{"do": "review"}],
}


def begun() -> Body:
    """What an empty form begins with."""
    return dict(_BEGUN)


def body_of(sent: Sent) -> Body:
    """What was sent, as the API would take it."""
    method = _text(sent, "method")
    body: Body = {name: text for name in _CHOSEN if (text := _text(sent, name))}
    body |= {name: seconds(text) for name in TIMES if (text := _text(sent, name))}
    body["query"] = dict(_pairs(sent))
    given = ((name, _text(sent, name)) for name in sent if name.startswith(f"param-{method}-"))
    body["params"] = {name.removeprefix(f"param-{method}-"): number(text) for name, text in given if text}
    body["ladder"] = list(_rungs(sent))
    body |= {name: name in sent for name in ("latch", "use_partial")}
    return body | dict(_policies(sent))


def other_of(sent: Sent, body: Body) -> Body | None:
    """The settings that are to be tried beside: what stands in the form, but for what is said for them; None for none.

    Another method has parameters of its own; the same one keeps those that are left open.
    """
    method = _text(sent, f"{OTHER}method")
    named = _text(sent, f"{OTHER}limit")
    prefix = f"{OTHER}param-{method}-"
    filled = {name.removeprefix(prefix): _text(sent, name) for name in sent if name.startswith(prefix)}
    times = {name: seconds(text) for name in TIMES if (text := _text(sent, f"{OTHER}{name}"))}
    lacks = {
        f"on_{lack}": {"do": do, "after_s": None} for lack in Lack if (do := _text(sent, f"{OTHER}on_{lack}"))
    }
    if not (method or named or times or lacks):
        return None
    given = {name: number(text) for name, text in filled.items() if text}
    params = given if method else {**body.get("params", {}), **_limit(body, named)}
    return body | times | lacks | {"method": method or body.get("method"), "params": params}


def _limit(body: Body, text: str) -> Body:
    """Another limit for the same method, whatever its parameter is called."""
    name = {"any_event": "count", "budget": "amount"}.get(body.get("method", ""), "limit")
    return {name: number(text)} if text else {}


def body_from(stored: StoredTrigger) -> Body:
    """A trigger that is there."""
    rule = rule_to_json(stored.trigger)
    policies = rule.pop("policies")
    named = {"class": rule.pop("trigger_class"), "source": stored.source_key, "query": dict(stored.query)}
    return rule | named | {f"on_{lack}": policy for lack, policy in policies.items()}


def definition_of(body: Body) -> Definition:
    """The definition that a body describes.

    Raises:
        InvalidInput: A part of it cannot be used.
    """
    made: Definition = load(TriggerSchema(), body)
    return made


def armed(stored: StoredTrigger, arming: str) -> Definition:
    """The same trigger with another arming.

    Raises:
        InvalidInput: There is no such arming.
    """
    return definition_of(body_from(stored) | {"arming": arming or Arming.SHADOW.value})


def seconds(text: str) -> int | str:
    """A time as people write it: 90, 90 s, 5 min, 2 h, 1 day; anything else stays what it was."""
    found = _SPAN.fullmatch(text.strip().lower())
    unit = _SECONDS.get(found[2] or "s") if found else None
    return int(found[1]) * unit if found and unit else text


def span(value: Any) -> str:
    """A time as `seconds` reads it."""
    return duration(value) if type(value) is int and value >= 0 else str(value)


def plain(value: Any) -> str:
    """A number as `number` reads it."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def number(text: str) -> int | float | str:
    """A number as people write it: 3, 0.05, 5%; anything else stays what it was."""
    plain = text.removesuffix("%").strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        found = float(plain)
    except ValueError:
        return text
    return round(found / 100, 12) if text.endswith("%") else found


def _text(sent: Sent, name: str) -> str:
    return sent.get(name, "").replace("\r\n", "\n").strip()


def _pairs(sent: Sent) -> Iterator[tuple[str, str]]:
    for row in range(ROWS):
        part, text = _text(sent, f"part-{row}"), _text(sent, f"text-{row}")
        if part or text:
            yield part, text


def _rungs(sent: Sent) -> Iterator[Body]:
    for row in range(ROWS):
        if not (do := _text(sent, f"do-{row}")):
            continue
        args: Body = {
            name: text for name in ("to", "owner", "webhook") if (text := _text(sent, f"{name}-{row}"))
        }
        if share := _text(sent, f"share-{row}"):
            args["share"] = _points(share)
        if f"force-{row}" in sent:
            args["force"] = True
        severity = _text(sent, f"severity-{row}") or "critical"
        yield {
            "do": do,
            "after_s": seconds(_text(sent, f"after-{row}") or "0"),
            "args": args,
            "severity": severity,
        }


def _points(text: str) -> int | str:
    """A percentage as basis points; what is none stays what it was."""
    found = number(text.replace(",", ".").removesuffix("%").strip())
    # Only what is no number differs from itself; above a million nobody means a share.
    return text if isinstance(found, str) or abs(found) > 1e6 or found != found else round(found * 100)  # noqa: PLR0124, PLR2004


def _policies(sent: Sent) -> Iterator[tuple[str, Body]]:
    for lack in Lack:
        if do := _text(sent, f"on_{lack}"):
            after = _text(sent, f"after_{lack}")
            yield f"on_{lack}", {"do": do, "after_s": seconds(after) if after else None}
