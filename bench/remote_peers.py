"""Peers that usually fetch their flags from a server; here they are given them, as a start without one would.

They are asked for booleans: an untargeted one, and the rule. None of them talks to a network.
"""

from __future__ import annotations

import importlib
import json
import logging
import tempfile
import warnings
from typing import Any

from bench import shapes
from bench.measuring import Case
from bench.peers import BOOLEAN, RULE, Cases

_PERCENT = shapes.EXPOSED // 100


class Unleash:
    """Unleash's client, whose engine is written in Rust; the flags come from its cache."""

    name = "Unleash"

    def __init__(self) -> None:
        self._sdk = importlib.import_module("UnleashClient")
        self._cache = importlib.import_module("UnleashClient.cache").FileCache
        self._allow = importlib.import_module("UnleashClient.utils").InstanceAllowType.SILENTLY_ALLOW
        logging.getLogger("UnleashClient").setLevel(logging.ERROR)

    def payload(self, count: int) -> str:
        """See Peer."""
        features: list[Any] = []
        for number in shapes.numbers(count):
            key = f"rule-{number}"
            features += [
                {"name": f"boolean-{number}", "enabled": True, "strategies": [{"name": "default"}]},
                {"name": key, "enabled": True, "strategies": [_flexible(key)]},
                {"name": f"rollout-{number}", "enabled": True, "strategies": [_flexible(key)]},
            ]
        return json.dumps({"version": 1, "features": features})

    def load(self, payload: str) -> Any:
        """See Peer."""
        cache = self._cache("bench", directory=tempfile.mkdtemp(prefix="bench-unleash-"))
        cache.bootstrap_from_dict(json.loads(payload))
        client = self._sdk.UnleashClient(
            "http://127.0.0.1:1/api",
            "bench",
            disable_metrics=True,
            disable_registration=True,
            refresh_interval=86_400,
            cache=cache,
            multiple_instance_mode=self._allow,
        )
        client.initialize_client(fetch_toggles=False)
        return client

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """See Peer."""
        contexts = [{"userId": user, "properties": {"country": shapes.COUNTRY}} for user in users]
        return {
            BOOLEAN: Case(lambda context: loaded.is_enabled("boolean-7", context), contexts),
            RULE: Case(lambda context: loaded.is_enabled("rule-7", context), contexts),
        }


def _flexible(key: str) -> dict[str, Any]:
    return {
        "name": "flexibleRollout",
        "parameters": {"rollout": str(_PERCENT), "stickiness": "userId", "groupId": key},
        "constraints": [{"contextName": "country", "operator": "IN", "values": [shapes.COUNTRY]}],
    }


class PostHog:
    """PostHog's client evaluating locally; its events are switched off."""

    name = "PostHog"

    def __init__(self) -> None:
        self._client = importlib.import_module("posthog.client").Client

    def payload(self, count: int) -> str:
        """See Peer."""
        country = {"key": "country", "value": [shapes.COUNTRY], "operator": "exact", "type": "person"}
        flags: list[Any] = []
        for number in shapes.numbers(count):
            flags += [
                _flag(3 * number, f"boolean-{number}", [], 100),
                _flag(3 * number + 1, f"rule-{number}", [country], _PERCENT),
                _flag(3 * number + 2, f"rollout-{number}", [country], _PERCENT),
            ]
        return json.dumps(flags)

    def load(self, payload: str) -> Any:
        """See Peer."""
        client = self._client(
            "phc_bench", host="http://127.0.0.1:1", send=False, enable_local_evaluation=False
        )
        client.feature_flags = json.loads(payload)
        return client

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """See Peer."""

        def ask(key: str, user: object) -> object:
            return loaded.get_feature_flag(
                key,
                user,
                person_properties={"country": shapes.COUNTRY},
                only_evaluate_locally=True,
                send_feature_flag_events=False,
            )

        # It asks to be called in a way that evaluates all flags at once, which would cost it more here.
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*get_feature_flag.*")
        return {
            BOOLEAN: Case(lambda user: ask("boolean-7", user), users),
            RULE: Case(lambda user: ask("rule-7", user), users),
        }


def _flag(number: int, key: str, properties: list[Any], percent: int) -> dict[str, Any]:
    groups = [{"properties": properties, "rollout_percentage": percent}]
    return {"id": number, "name": "", "key": key, "active": True, "filters": {"groups": groups}}


class Flagsmith:
    """Flagsmith's client in its offline mode; a rule is a segment that overrides a flag."""

    name = "Flagsmith"

    def __init__(self) -> None:
        self._sdk = importlib.import_module("flagsmith").Flagsmith

    def payload(self, count: int) -> str:
        """See Peer."""
        states, segments = list[Any](), list[Any]()
        for number in shapes.numbers(count):
            rule = (3 * number + 1, f"rule-{number}")
            states += [_state(3 * number, f"boolean-{number}", enabled=True)]
            states += [_state(*rule, enabled=False)]
            states += [_state(3 * number + 2, f"rollout-{number}", enabled=False)]
            segments.append(_segment(number, _state(*rule, enabled=True)))
        organisation = {
            "id": 1,
            "name": "bench",
            "feature_analytics": False,
            "stop_serving_flags": False,
            "persist_trait_data": True,
        }
        project = {"id": 1, "name": "bench", "hide_disabled_flags": False, "segments": segments}
        return json.dumps(
            {
                "id": 1,
                "api_key": "bench",
                "name": "bench",
                "project": {**project, "organisation": organisation},
                "feature_states": states,
                "identity_overrides": [],
                "updated_at": "2026-01-01T00:00:00Z",
            }
        )

    def load(self, payload: str) -> Any:
        """See Peer."""
        environment = json.loads(payload)
        handler = type("Handler", (), {"get_environment": lambda _self: environment})()
        return self._sdk(offline_mode=True, offline_handler=handler)

    def cases(self, loaded: Any, users: list[str]) -> Cases:
        """See Peer."""
        traits = {"country": shapes.COUNTRY}

        def ask(key: str, user: object) -> object:
            return loaded.get_identity_flags(user, traits).is_feature_enabled(key)

        return {
            BOOLEAN: Case(lambda user: ask("boolean-7", user), users),
            RULE: Case(lambda user: ask("rule-7", user), users),
        }


def _state(number: int, name: str, *, enabled: bool) -> dict[str, Any]:
    return {
        "django_id": number,
        "enabled": enabled,
        "feature_segment": None,
        "featurestate_uuid": str(number),
        "feature": {"id": number, "name": name, "type": "STANDARD"},
        "feature_state_value": None,
        "multivariate_feature_state_values": [],
    }


def _segment(number: int, override: dict[str, Any]) -> dict[str, Any]:
    conditions = [
        {"operator": "EQUAL", "value": shapes.COUNTRY, "property_": "country"},
        {"operator": "PERCENTAGE_SPLIT", "value": str(_PERCENT), "property_": ""},
    ]
    rules = [{"type": "ALL", "rules": [], "conditions": conditions}]
    return {
        "id": number,
        "name": f"segment-{number}",
        "rules": [{"type": "ALL", "conditions": [], "rules": rules}],
        "feature_states": [override],
    }
