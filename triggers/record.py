"""One evaluation as it was: what went in, what came of it, and whether the same comes of it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from triggers.reading import Reading, Status, Window
from triggers.rule import rule_from_json, rule_to_json
from triggers.state import State
from triggers.step import Step, step
from triggers.trigger import Trigger
from triggers.verdict import Verdict

FORMAT = "headgate.reading/1"

_NUMBERS = ("bad", "total", "value", "samples")


class Unreadable(ValueError):
    """It is no record of an evaluation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that a verdict depends on, and the verdict. ``before`` and ``after`` are what the trigger remembered."""

    trigger: Trigger
    version: int
    at: datetime
    readings: tuple[Reading, ...]
    before: State
    after: State
    verdict: Verdict
    sentence: str
    numbers: Mapping[str, float]

    def judged_again(self) -> Step:
        """What comes of the same readings, the same rule and the same memory now."""
        return step(self.trigger, self.before, self.readings, self.at)

    def differences(self) -> tuple[str, ...]:
        """In which parts the verdict would be another one now; nothing if it would be the same."""
        again = self.judged_again()
        told = {
            "verdict": (self.verdict, again.verdict),
            "sentence": (self.sentence, again.sentence),
            "numbers": (dict(self.numbers), dict(again.numbers)),
            "after": (_unacted(self.after), _unacted(again.state)),
        }
        return tuple(name for name, (then, now) in told.items() if then != now)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON types, with a digest over all of it; `from_json` turns it back."""
        kept = {
            "format": FORMAT,
            "rule": rule_to_json(self.trigger),
            "sharing": self.trigger.sharing,
            "version": self.version,
            "at": self.at.isoformat(),
            "readings": [reading_to_json(reading) for reading in self.readings],
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "numbers": dict(self.numbers),
        }
        return {**kept, "digest": _digest(kept)}

    @classmethod
    def from_json(cls, stored: Any) -> Record:
        """Read a record.

        Raises:
            Unreadable: It is none; says why.
        """
        if not isinstance(stored, Mapping) or stored.get("format") != FORMAT:
            raise Unreadable(f"the format is not {FORMAT}")
        try:
            return cls(
                trigger=rule_from_json(stored["rule"], stored["sharing"]),
                version=stored["version"],
                at=datetime.fromisoformat(stored["at"]),
                readings=tuple(reading_from_json(each) for each in stored["readings"]),
                before=State.from_json(stored["before"]),
                after=State.from_json(stored["after"]),
                verdict=Verdict(stored["verdict"]),
                sentence=stored["sentence"],
                numbers=dict(stored["numbers"]),
            )
        except KeyError as missing:
            raise Unreadable(f"{missing} is missing") from missing
        except (ValueError, TypeError, AttributeError) as wrong:
            raise Unreadable(str(wrong)) from wrong


def is_as_written(stored: Mapping[str, Any]) -> bool:
    """Whether the digest of a record is that of its content, also of what its verdict does not depend on.

    Whoever changes a record can make up its digest too: the one that the server shows is the one that counts.
    """
    return stored.get("digest") == _digest({name: stored[name] for name in stored if name != "digest"})


def _digest(kept: Mapping[str, Any]) -> str:
    """SHA-256 of the content as JSON with sorted names; whole numbers are the same however they are written."""
    written = json.dumps(_canonical(kept), sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(written.encode()).hexdigest()}"


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _canonical(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def changes(before: State, after: State) -> dict[str, Any]:
    """What is another in the state after: all that has to be kept of it beside the one before."""
    then = before.to_json()
    return {name: value for name, value in after.to_json().items() if value != then[name]}


def changed(before: State, changes: Mapping[str, Any]) -> State:
    """The state after.

    Raises:
        ValueError: The changes are none of a state.
    """
    return State.from_json({**before.to_json(), **changes})


def reading_to_json(reading: Reading) -> dict[str, Any]:
    """A reading as JSON types, without what is empty; `reading_from_json` turns it back."""
    newest = reading.newest_sample_at
    kept: dict[str, Any] = {
        "status": reading.status.value,
        "window": [reading.window.start.isoformat(), reading.window.end.isoformat()],
        **{name: getattr(reading, name) for name in _NUMBERS},
        "newest_sample_at": newest and newest.isoformat(),
        "message": reading.message or None,
        "warnings": list(reading.warnings) or None,
        "asked": dict(reading.asked) or None,
    }
    return {name: value for name, value in kept.items() if value is not None}


def reading_from_json(stored: Mapping[str, Any]) -> Reading:
    """Read a stored reading.

    Raises:
        ValueError, TypeError, KeyError: It is none.
    """
    start, end = (datetime.fromisoformat(instant) for instant in stored["window"])
    newest = stored.get("newest_sample_at")
    return Reading(
        status=Status(stored["status"]),
        window=Window(start, end),
        **{name: stored.get(name) for name in _NUMBERS},
        newest_sample_at=datetime.fromisoformat(newest) if newest else None,
        message=stored.get("message", ""),
        warnings=tuple(stored.get("warnings", ())),
        asked=dict(stored.get("asked", {})),
    )


def _unacted(state: State) -> State:
    """Acting and telling change a state too: rungs that could not be carried out are climbed past at once."""
    return replace(state, rungs=0, rung_at=None, acted_at=None, lack_told=False)


def explained(record: Record, differs: Sequence[str]) -> str:
    """Whether it holds, in words."""
    if not differs:
        return f"judged again, it is the same: {record.verdict}"
    again = record.judged_again()
    return f"judged again, it differs in {', '.join(differs)}: {again.verdict}, {again.sentence}"
