"""What a trigger does when there is nothing to judge.

Nothing to judge is neither good nor bad. It never counts as good; whether it holds a feature back, tells somebody or
counts as bad is for whoever owns the risk to say, and goes by the tier of the feature until somebody does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from triggers.verdict import Lack

GRACE = 3
"""How many intervals a lack lasts before it is more than a hiccup."""


class Reaction(StrEnum):
    """What is done about a lack; each does what the one before it does, and more."""

    IGNORE = "ignore"
    """It is shown, and nothing follows from it."""
    HOLD = "hold"
    """Nothing goes up meanwhile: no promotion, no step of a ramp."""
    NOTIFY = "notify"
    """Somebody is told once, and once more when it is over."""
    ACT = "act"
    """The trigger fires as if it were in breach."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do about a lack that has lasted ``after_s`` seconds; None leaves that to `wait_s`."""

    do: Reaction
    after_s: int | None = None

    @property
    def tells(self) -> bool:
        """Whether somebody is told."""
        return self.do in (Reaction.NOTIFY, Reaction.ACT)

    def wait_s(self, lack: Lack, interval_s: int) -> int:
        """How many seconds a lack has to last before this is done.

        Without a number of its own, a failing source holds back at once, and everything else takes three intervals.
        """
        if self.after_s is not None:
            return self.after_s
        at_once = self.do is Reaction.HOLD and lack is not Lack.NO_DATA
        return 0 if at_once else GRACE * interval_s


Policies = Mapping[Lack, Policy]

_HOLD, _NOTIFY = Policy(Reaction.HOLD), Policy(Reaction.NOTIFY)
STRICTEST: Policies = dict.fromkeys(Lack, _NOTIFY)
"""What does at least as much as any tier does where nobody has said."""
BY_TIER: Mapping[str, Policies] = {
    "T1": {**dict.fromkeys(Lack, _HOLD), Lack.NO_DATA: Policy(Reaction.IGNORE)},
    "T2": {**dict.fromkeys(Lack, _NOTIFY), Lack.NO_DATA: _HOLD, Lack.PARTIAL: _HOLD},
    "T3": STRICTEST,
}
"""What is done where nobody has said. None of them acts: an outage of the metrics takes no feature down by itself."""


def policies_for(tier: str, own: Policies) -> Policies:
    """The policies of a trigger on a feature of a tier; what it says itself comes before what goes by the tier."""
    return {**BY_TIER.get(tier, STRICTEST), **own}
