"""A double for the tests of products: a client that says what it was told to say. No network, no threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from headgate.context import make_context
from headgate.decision import MODES, POLICIES, Mode, WhenLost
from headgate.evaluator import Document
from headgate.offline import OfflineClient
from headgate.view import SWITCH_SUFFIX

_MOMENT: Final = 1_577_836_800.0  # The start of the year 2020.
_EVERYBODY: Final = "everybody"


class FakeClient(OfflineClient):
    """Says what it was told to say, through the same evaluator as the client.

    ``FakeClient({"claims-assistant": "live"})`` lets everybody have the feature; ``set`` changes it, for
    everybody or for one user, and ``set_flag`` a plain flag. ``override`` does so for a ``with`` block.
    ``outcomes`` lists what was reported, as it would have been sent.
    """

    def __init__(self, features: Mapping[str, Mode] | None = None) -> None:
        """``features`` maps the key of each known feature to its mode."""
        super().__init__({"flags": {}, "metadata": {"revision": 0}}, clock=lambda: _MOMENT)
        self.outcomes: list[dict[str, Any]] = []
        self._said: dict[str, dict[str | None, Any]] = {}
        self._metadata: dict[str, dict[str, Any]] = {}
        self._changes = 0
        for feature, mode in (features or {}).items():
            self.set(feature, mode=mode)

    def set(
        self,
        feature: str,
        *,
        mode: Mode = "live",
        release: str | None = "r-000000000000",
        user: object = None,
        review_required: bool | None = None,
        autonomy: str = "recommend",
        fallback: str | None = None,
        stage: str = "pilot",
        when_lost: WhenLost = "review",
        on_switch: str = "move",
        value: Mapping[str, Any] | None = None,
    ) -> None:
        """Decide ``feature`` like this from now on, for ``user`` only if given, and tell the listeners.

        ``value`` is laid over the value that the other arguments make. Raises ValueError for a word that Headgate
        would never say.
        """
        for name, word, words in (
            ("mode", mode, MODES),
            ("when_lost", when_lost, POLICIES),
            ("on_switch", on_switch, ("move", "finish")),
        ):
            if word not in words:
                raise ValueError(f"{name} must be one of {', '.join(words)}, not {word!r}")
        release = None if mode == "off" else release
        review = mode == "review" if review_required is None else review_required
        whole = {
            "mode": mode,
            "stage": stage,
            "autonomy": autonomy,
            "release": None if release is None else {"id": release},
            "review": {"required": review, "sample_rate": 0.0, "below_confidence": None, "reviewers": []},
            "fallback": fallback,
            "limits": {},
            **(value or {}),
        }
        metadata = {"when_lost": when_lost, "on_switch": on_switch}
        who = _who(user)
        self._say(feature, who, whole, metadata)
        self._say(feature + SWITCH_SUFFIX, who, mode == "live", metadata)
        self._apply()

    def set_flag(self, flag: str, value: Any, *, user: object = None) -> None:
        """Give a plain flag this value from now on, for ``user`` only if given, and tell the listeners."""
        self._say(flag, _who(user), value, {})
        self._apply()

    @contextmanager
    def override(self, feature: str, mode: Mode = "live", **more: Any) -> Iterator[None]:
        """Decide ``feature`` like this within a ``with`` block; takes what ``set`` takes."""
        before = {key: dict(said) for key, said in self._said.items()}, dict(self._metadata)
        self.set(feature, mode=mode, **more)
        try:
            yield
        finally:
            self._said, self._metadata = before
            self._apply()

    def lose(self) -> None:
        """Behave from now on like a client that has not heard of Headgate for too long: every ``when_lost`` applies."""
        self._current.lose()

    def _say(self, flag: str, who: str | None, value: Any, metadata: dict[str, Any]) -> None:
        self._said.setdefault(flag, {})[who] = value
        self._metadata[flag] = metadata

    def _apply(self) -> None:
        self._changes += 1
        flags = {flag: _flag(said, self._metadata[flag]) for flag, said in self._said.items()}
        self._current.swap(Document.parse({"flags": flags, "metadata": {"revision": self._changes}}))

    def _put(self, outcome: dict[str, Any]) -> None:
        self.outcomes.append(outcome)


def _who(user: object) -> str | None:
    """Return the targeting key of a user or a context; None for everybody."""
    return None if user is None else str(make_context(user).get("targetingKey", ""))


def _flag(said: Mapping[str | None, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a flag with one variant for everybody and one for each user who was told apart."""
    rule: Any = _EVERYBODY if None in said else None
    variants = {_EVERYBODY if who is None else f"user {who}": value for who, value in said.items()}
    for who in said:
        if who is not None:
            rule = {"if": [{"===": [{"var": "targetingKey"}, who]}, f"user {who}", rule]}
    return {
        "state": "ENABLED",
        "variants": variants,
        "defaultVariant": None,
        "targeting": {"if": [True, rule]},
        "metadata": dict(metadata),
    }
