"""Which release a conversation began with, where its feature lets conversations finish on it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, Final

from headgate.decision import Decision
from headgate.readonly import freeze

MAX_CONVERSATIONS: Final = 10_000
"""How many conversations are remembered; the one not heard of for longest is forgotten first."""

FINISH: Final = "finish"


class Conversations:
    """Remembers the decision each conversation began with.

    A feature whose flag says ``on_switch: finish`` keeps a conversation on the release it began with when the
    release is switched. Only the release is kept: mode, review, autonomy and limits are always the current ones,
    and a feature that is off is off. With ``move``, the default, everybody moves at once.
    """

    def __init__(self, capacity: int = MAX_CONVERSATIONS) -> None:
        """Nothing is remembered yet."""
        self._capacity = capacity
        self.forget()

    def forget(self) -> None:
        """Begin anew, with a lock of one's own."""
        self._turn = threading.Lock()
        self._begun: OrderedDict[tuple[str, Hashable], Decision] = OrderedDict()

    def settle(self, conversation: Hashable, decision: Decision, metadata: Mapping[str, Any]) -> Decision:
        """Return the decision for a turn of ``conversation``; ``decision`` and ``metadata`` are the flag's now."""
        if not decision.enabled:
            return decision
        key = (decision.feature, conversation)
        with self._turn:
            begun = self._begun.get(key)
            stays = begun is not None and begun.release != decision.release and _finishes(metadata)
            if stays:
                decision = _on_release_of(begun, decision)
            self._begun[key] = decision
            self._begun.move_to_end(key)
            if len(self._begun) > self._capacity:
                self._begun.popitem(last=False)
        return decision


def _finishes(metadata: Mapping[str, Any]) -> bool:
    return metadata.get("on_switch") == FINISH


def _on_release_of(begun: Any, decision: Decision) -> Decision:
    value = freeze({**decision.value, "release": begun.value.get("release")})
    return replace(decision, release=begun.release, value=value)
