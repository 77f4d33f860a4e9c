"""Who is measured: ourselves, a floor, and other SDKs that decide in process, each through its own public API.

A peer that is not installed is left out. None of them talks to a network here.
"""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from zlib import crc32

from headgate.evaluator import Document
from openfeature import api
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider import AbstractProvider, Metadata
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from bench import shapes
from bench.measuring import Case

BOOLEAN, RULE, ROLLOUT, PRODUCT = "boolean", "rule", "rollout", "product"
Cases = Mapping[str, Case]


class Peer(Protocol):
    """Somebody to be measured."""

    name: str

    def payload(self, count: int) -> str:
        """Return ``count`` flags as they would come over the network."""

    def load(self, payload: str) -> Any:
        """Make the flags ready to answer."""

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """Return what to measure. All but PRODUCT are given a context that exists already."""


class Floor:
    """What any Python function costs that looks something up."""

    name = "floor: a function and a dictionary"

    def payload(self, count: int) -> str:
        """See Peer."""
        return json.dumps(dict.fromkeys(shapes.flag_document(count)["flags"], True))

    def load(self, payload: str) -> Any:
        """See Peer."""
        return json.loads(payload)

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """See Peer."""

        def look_up(key: str) -> object:
            return loaded[key]

        return {BOOLEAN: Case(lambda _user: look_up("boolean-7"), users)}


class Headgate:
    """Our evaluator, called directly."""

    name = "Headgate, evaluator"

    def payload(self, count: int) -> str:
        """See Peer."""
        return json.dumps(shapes.flag_document(count))

    def load(self, payload: str) -> Any:
        """See Peer."""
        return Document.read(payload)

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """See Peer."""
        evaluate, contexts = loaded.evaluate, list(map(shapes.attributes, users))
        return {
            BOOLEAN: Case(lambda context: evaluate("boolean-7", context).value, contexts),
            RULE: Case(lambda context: evaluate("rule-7", context).value, contexts),
            ROLLOUT: Case(lambda context: evaluate("rollout-7", context).value, contexts),
        }


class Flagd(Headgate):
    """The current flagd evaluator for Python, called directly."""

    name = "flagd-core"

    def load(self, payload: str) -> Any:
        """See Peer."""
        core = FlagdCore()
        core.set_flags(payload)
        return core

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """See Peer."""
        contexts = [_openfeature_context(user) for user in users]
        boolean, found, default = loaded.resolve_boolean_value, loaded.resolve_object_value, False
        return {
            BOOLEAN: Case(lambda context: boolean("boolean-7", default, context).value, contexts),
            RULE: Case(lambda context: boolean("rule-7", default, context).value, contexts),
            ROLLOUT: Case(lambda context: found("rollout-7", {}, context).value, contexts),
            PRODUCT: Case(lambda user: found("rollout-7", {}, _openfeature_context(user)).value, users),
        }


class OpenFeatureFlagd(Flagd):
    """The same behind the OpenFeature client, as product code would use it."""

    name = "OpenFeature + flagd-core"

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """See Peer."""
        return _through_openfeature("bench-flagd", _FlagdProvider(loaded), users)


class OpenFeatureMemory:
    """The OpenFeature client before its own in-memory provider; the rules are Python written by hand."""

    name = "OpenFeature + in-memory"

    def payload(self, count: int) -> str:
        """See Peer."""
        return json.dumps(list(shapes.numbers(count)))

    def load(self, payload: str) -> Any:
        """See Peer."""
        flags: dict[str, InMemoryFlag[Any]] = {}
        values = {name: shapes.value(release) for name, release in _RELEASES.items()}
        for number in json.loads(payload):
            switch = {"on": True, "off": False}
            flags[f"boolean-{number}"] = InMemoryFlag("off", switch)
            flags[f"rule-{number}"] = InMemoryFlag("off", switch, context_evaluator=_by_hand(number, _rule))
            flags[f"rollout-{number}"] = InMemoryFlag(
                "off", values, context_evaluator=_by_hand(number, _rollout)
            )
        return flags

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """See Peer."""
        return _through_openfeature("bench-memory", InMemoryProvider(loaded), users)


_RELEASES = {"off": None, "stable": shapes.STABLE, "candidate": shapes.NEXT}


def _openfeature_context(user: Any) -> EvaluationContext:
    attributes = shapes.attributes(user)
    del attributes["targetingKey"]
    return EvaluationContext(user, attributes)


def _through_openfeature(domain: str, provider: AbstractProvider, users: list[str]) -> Cases:
    api.set_provider(provider, domain)
    client, contexts = api.get_client(domain), [_openfeature_context(user) for user in users]
    default = False
    boolean: Callable[..., object] = client.get_boolean_value
    found: Callable[..., object] = client.get_object_value
    return {
        BOOLEAN: Case(lambda context: boolean("boolean-7", default, context), contexts),
        RULE: Case(lambda context: boolean("rule-7", default, context), contexts),
        ROLLOUT: Case(lambda context: found("rollout-7", {}, context), contexts),
        PRODUCT: Case(lambda user: found("rollout-7", {}, _openfeature_context(user)), users),
    }


class _FlagdProvider(AbstractProvider):
    """flagd-core as an OpenFeature provider."""

    def __init__(self, core: FlagdCore) -> None:
        super().__init__()
        self._core = core

    def get_metadata(self) -> Metadata:
        return Metadata("flagd-core")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - the interface of OpenFeature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        return self._core.resolve_boolean_value(flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Any]:
        return self._core.resolve_object_value(flag_key, default_value, evaluation_context)

    def _unused(self, *_: Any) -> Any:
        raise NotImplementedError("a benchmark asks for booleans and objects only")

    resolve_string_details: Any = _unused
    resolve_integer_details: Any = _unused
    resolve_float_details: Any = _unused


def _bucket(salt: str, context: EvaluationContext) -> int:
    return crc32(f"{salt}:{context.targeting_key}".encode()) % 10_000


def _rule(number: int, context: EvaluationContext) -> str:
    inside = context.attributes.get("country") == shapes.COUNTRY
    return "on" if inside and _bucket(f"rule-{number}", context) < shapes.EXPOSED else "off"


def _rollout(number: int, context: EvaluationContext) -> str:
    cohorts, task = context.attributes.get("cohorts"), context.attributes.get("task")
    inside = isinstance(cohorts, list) and shapes.COHORT in cohorts and task in shapes.TASKS
    if not inside or _bucket(f"rollout-{number}:exposure", context) >= shapes.EXPOSED:
        return "off"
    return "candidate" if _bucket(f"rollout-{number}:candidate", context) < shapes.CANDIDATE else "stable"


def _by_hand(number: int, rule: Callable[[int, EvaluationContext], str]) -> Any:
    def evaluate(flag: InMemoryFlag[Any], context: EvaluationContext) -> FlagResolutionDetails[Any]:
        variant = rule(number, context)
        return FlagResolutionDetails(value=flag.variants[variant], variant=variant)

    return evaluate


class GrowthBook:
    """GrowthBook's SDK with features of its own format; the attributes are set before each question."""

    name = "GrowthBook"

    def __init__(self) -> None:
        self._kind = importlib.import_module("growthbook").GrowthBook

    def payload(self, count: int) -> str:
        """See Peer."""
        who = {"cohorts": {"$elemMatch": {"$eq": shapes.COHORT}}, "task": {"$in": list(shapes.TASKS)}}
        features: dict[str, Any] = {}
        for number in shapes.numbers(count):
            rule = _coverage(f"rule-{number}", {"country": shapes.COUNTRY}, shapes.EXPOSED, True)  # noqa: FBT003
            candidate = shapes.EXPOSED * shapes.CANDIDATE // 10_000
            rules = [
                _coverage(f"rollout-{number}", who, candidate, shapes.value(shapes.NEXT)),
                _coverage(f"rollout-{number}", who, shapes.EXPOSED, shapes.value(shapes.STABLE)),
            ]
            features[f"boolean-{number}"] = {"defaultValue": False}
            features[f"rule-{number}"] = {"defaultValue": False, "rules": [rule]}
            features[f"rollout-{number}"] = {"defaultValue": shapes.value(None), "rules": rules}
        return json.dumps(features)

    def load(self, payload: str) -> Any:
        """See Peer."""
        return self._kind(features=json.loads(payload))

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """See Peer."""

        def ask(key: str) -> Callable[[Any], object]:
            def about(attributes: Any) -> object:
                loaded.set_attributes(attributes)
                return loaded.get_feature_value(key, None)

            return about

        attributes, rollout = [_with_id(user) for user in users], ask("rollout-7")
        return {
            BOOLEAN: Case(ask("boolean-7"), attributes),
            RULE: Case(ask("rule-7"), attributes),
            ROLLOUT: Case(rollout, attributes),
            PRODUCT: Case(lambda user: rollout(_with_id(user)), users),
        }


def _with_id(user: Any) -> dict[str, Any]:
    return {"id": user, "country": shapes.COUNTRY, "cohorts": [shapes.COHORT], "task": shapes.TASK}


def _coverage(seed: str, condition: Any, share: int, force: Any) -> dict[str, Any]:
    return {
        "condition": condition,
        "coverage": share / 10_000,
        "hashAttribute": "id",
        "seed": seed,
        "hashVersion": 2,
        "force": force,
    }


class LaunchDarkly:
    """LaunchDarkly's server SDK on an in-memory store, with events switched off."""

    name = "LaunchDarkly, events off"

    def __init__(self) -> None:
        self._sdk = importlib.import_module("ldclient")
        self._config = importlib.import_module("ldclient.config").Config
        self._store = importlib.import_module("ldclient.feature_store").InMemoryFeatureStore
        self._kinds = importlib.import_module("ldclient.versioned_data_kind")
        logging.getLogger("ldclient").setLevel(logging.ERROR)

    def payload(self, count: int) -> str:
        """See Peer."""
        values = [shapes.value(release) for release in _RELEASES.values()]
        who = [_clause("cohorts", [shapes.COHORT]), _clause("task", list(shapes.TASKS))]
        candidate = shapes.EXPOSED * shapes.CANDIDATE // 10_000
        weights = (10_000 - shapes.EXPOSED, shapes.EXPOSED - candidate, candidate)
        flags: dict[str, Any] = {}
        for number in shapes.numbers(count):
            country = [_clause("country", [shapes.COUNTRY])]
            chance = (10_000 - shapes.EXPOSED, shapes.EXPOSED)
            for key, variations, rules in (
                (f"boolean-{number}", [False, True], []),
                (f"rule-{number}", [False, True], [_weighted(country, chance)]),
                (f"rollout-{number}", values, [_weighted(who, weights)]),
            ):
                flags[key] = _flag(key, variations, rules)
        return json.dumps(flags)

    def load(self, payload: str) -> Any:
        """See Peer."""
        store = self._store()
        store.init({self._kinds.FEATURES: json.loads(payload), self._kinds.SEGMENTS: {}})
        config = self._config(
            "sdk-key", feature_store=store, use_ldd=True, send_events=False, diagnostic_opt_out=True
        )
        return self._sdk.LDClient(config)

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """See Peer."""
        contexts, ask = [self._context(user) for user in users], loaded.variation
        return {
            BOOLEAN: Case(lambda context: ask("boolean-7", context, None), contexts),
            RULE: Case(lambda context: ask("rule-7", context, None), contexts),
            ROLLOUT: Case(lambda context: ask("rollout-7", context, None), contexts),
            PRODUCT: Case(lambda user: ask("rollout-7", self._context(user), None), users),
        }

    def _context(self, user: Any) -> Any:
        told = self._sdk.Context.builder(user).set("country", shapes.COUNTRY)
        return told.set("cohorts", [shapes.COHORT]).set("task", shapes.TASK).build()


def _clause(attribute: str, values: list[str]) -> dict[str, Any]:
    return {"contextKind": "user", "attribute": attribute, "op": "in", "values": values, "negate": False}


def _weighted(clauses: list[Any], shares: tuple[int, ...]) -> dict[str, Any]:
    variations = [{"variation": number, "weight": share * 10} for number, share in enumerate(shares)]
    return {"id": "rule", "clauses": clauses, "rollout": {"contextKind": "user", "variations": variations}}


def _flag(key: str, variations: list[Any], rules: list[Any]) -> dict[str, Any]:
    return {
        "key": key,
        "version": 1,
        "on": True,
        "salt": key,
        "variations": variations,
        "offVariation": 0,
        "fallthrough": {"variation": 0},
        "rules": rules,
        "targets": [],
        "prerequisites": [],
    }
