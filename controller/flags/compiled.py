"""The flags of one environment, compiled from its rows; what did not change since the last time is not made again.

Every change of anything in an environment makes a new document of all its flags. So each flag is kept with what it was
made from, which is compared by content: whatever happened to the database, nothing old can be taken for current. An
unchanged flag stays the same object, by which those who work on it know that they need not do so again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headgate.evaluator import Document

from controller.flags.document import JSON, flags_of, off_flags
from controller.flags.naming import CANARY
from controller.flags.plain import broken as broken_flag
from controller.flags.plain import canary, served
from controller.flags.rules import Rules
from controller.observability import BROKEN_ROLLOUTS
from controller.store.columns import Broken, from_text
from controller.store.database import Transaction
from controller.store.drills import drill_of
from controller.store.plain_flags import FlagSet, definitions_in, flag_set_of, why_broken
from controller.store.releases import bundles_of
from controller.store.rollouts import StoredRollout, rollouts_in

log = logging.getLogger(__name__)


Place = tuple[str, str | int]
"""What sort of flag something becomes, and the key or the id of its row."""
_CANARY: Place = ("canary", CANARY)


@dataclass(frozen=True, slots=True)
class Made:
    """Flags, and what they were made from. ``why``: why something else is served in their place, if it is."""

    source: Any
    flags: Mapping[str, JSON]
    why: str


class CompiledFlags:
    """The flags of an environment. One thread at a time compiles them."""

    def __init__(self, environment_id: int) -> None:
        self._environment_id = environment_id
        self._shared = FlagSet()
        self._shared_text = ""
        self._rules = Rules({})
        self._made: dict[Place, Made] = {}
        self._texts: dict[str, tuple[JSON, str]] = {}

    def compile(self, tx: Transaction) -> dict[str, JSON]:
        """The flags of rollouts, and the plain ones; one that cannot be compiled is off, and harms no other."""
        plain, canaries, rollouts = self._plain(tx), self._canary(tx), self._rollouts(tx)
        BROKEN_ROLLOUTS.labels(str(self._environment_id)).set(
            sum(bool(made.why) for made in rollouts.values())
        )
        self._made = {**plain, _CANARY: canaries, **rollouts}
        flags: dict[str, JSON] = {}
        for made in plain.values():
            flags |= made.flags
        flags |= canaries.flags
        # A feature's flags come last: whatever else bears their name must not stand in for them.
        for made in rollouts.values():
            flags |= made.flags
        return flags

    def text(self, flags: Mapping[str, JSON]) -> str:
        """These flags as one JSON object."""
        texts = {key: self._text(key, flag) for key, flag in flags.items()}
        self._texts = {key: (flags[key], text) for key, text in texts.items()}
        written = ",".join([f"{json.dumps(key)}:{text}" for key, text in texts.items()])
        return f"{{{written}}}"

    def _text(self, key: str, flag: JSON) -> str:
        known = self._texts.get(key)
        if known is not None and known[0] is flag:
            return known[1]
        return json.dumps(flag, separators=(",", ":"), allow_nan=False)

    def _canary(self, tx: Transaction) -> Made:
        """The flag that drills flip, where there are any."""
        drill = drill_of(tx, self._environment_id)
        return self._kept(_CANARY, None if drill is None else drill.canary_on, _canary)

    def _plain(self, tx: Transaction) -> dict[Place, Made]:
        """The plain flags. They were checked when they were set; what the evaluator cannot use harms no other flag."""
        shared = flag_set_of(tx, self._environment_id)
        # Their texts are compared: to Python true is 1, and 1 is 1.0.
        text = json.dumps(asdict(shared))
        if text != self._shared_text:
            self._shared, self._shared_text, self._rules = shared, text, Rules(shared.evaluators)
        return {
            ("plain", key): self._kept(("plain", key), (self._shared_text, *kept), self._plain_flag, key)
            for key, *kept in definitions_in(tx, self._environment_id)
        }

    def _rollouts(self, tx: Transaction) -> dict[Place, Made]:
        stored = rollouts_in(tx, self._environment_id)
        bundles = bundles_of(tx, [item.feature_id for item in stored if not isinstance(item, Broken)])
        return {
            ("rollout", item.id): self._kept(
                ("rollout", item.id), (item, _served_of(item, bundles)), _rollout
            )
            for item in stored
        }

    def _kept(self, place: Place, source: Any, make: Callable[..., Made], *more: str) -> Made:
        known = self._made.get(place)
        return known if known is not None and known.source == source else make(source, *more)

    def _plain_flag(self, source: Any, key: str) -> Made:
        _, text, version, visible = source
        definition = from_text(text)
        why = why_broken(definition)
        if not why:
            try:
                flag = served(definition, self._shared, self._rules, version=version, client_visible=visible)
            except (LookupError, TypeError, ValueError, RecursionError) as error:
                why = f"{type(error).__name__}: {error}"[:200]
        if why:
            log.error("the flag %s is served as disabled: %s", key, why)
            flag = broken_flag(why)
        return Made(source, {key: flag}, why)


def _canary(on: bool | None) -> Made:  # noqa: FBT001 - it is what the canary says
    return Made(on, {} if on is None else {CANARY: canary(on=on)}, "")


def _served_of(item: StoredRollout | Broken, bundles: Mapping[tuple[int, str], Any]) -> dict[str, Any]:
    """The bundles of the releases that a rollout may serve, by their ids."""
    if isinstance(item, Broken):
        return {}
    wanted = (item.rollout.stable, item.rollout.candidate)
    known = {release: (item.feature_id, release) for release in wanted if release}
    return {release: bundles[place] for release, place in known.items() if place in bundles}


def _rollout(source: tuple[StoredRollout | Broken, Mapping[str, Any]]) -> Made:
    item, bundles = source
    if isinstance(item, Broken):
        return _broken(source, item.key, item.why)
    rollout = item.rollout
    try:
        flags = flags_of(
            rollout.capped(item.autonomy_cap),
            lambda release: _bundle(bundles[release]),
            fallback=item.fallback,
            when_lost=item.when_lost,
            on_switch=item.on_switch,
            client_visible=item.client_visible,
        )
        _check(flags)
    except (KeyError, TypeError, ValueError) as error:
        return _broken(source, rollout.feature, f"{type(error).__name__}: {error}")
    return Made(source, flags, "")


def _check(flags: Mapping[str, Any]) -> None:
    """Whatever the evaluator cannot use must not be sent out: the same code checks here and evaluates there.

    Raises:
        ValueError: A flag is not JSON or not a flag.
    """
    json.dumps(flags, allow_nan=False)
    compiled = Document.parse({"flags": flags})
    for key in flags:
        answer = compiled.evaluate(key, {})
        if answer.error_code:
            raise ValueError(answer.error_message)


def _bundle(stored: Any) -> Mapping[str, Any]:
    if not isinstance(stored, dict):
        raise TypeError("the bundle of the release cannot be read")
    return stored


def _broken(source: Any, feature: str, why: str) -> Made:
    log.error("the rollout of %s is served as off: %s", feature, why)
    return Made(source, off_flags(feature, why[:200]), why)
