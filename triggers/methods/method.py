"""What every method offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime, timedelta
from typing import ClassVar, Self

from triggers.reading import Reading, is_finite
from triggers.verdict import Judgement

Param = int | float | str
"""A parameter of a method."""


class BadParameter(ValueError):
    """A part of a trigger or its method cannot be used; carries the field, what is wrong and what to do."""

    def __init__(self, field: str, message: str, remedy: str) -> None:
        """Name the ``field``, say what is wrong with it, and what to do about it."""
        super().__init__(f"{field}: {message}; {remedy}")
        self.field = field
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(ABC):
    """A way to judge readings. The fields of a subclass are its parameters."""

    name: ClassVar[str]
    contiguous: ClassVar[bool] = False
    """Whether windows must follow one another without gap or overlap, because the method adds them up."""

    across_epochs: ClassVar[bool] = False
    """Whether windows may reach back before the epoch, because what is judged has nothing to do with releases."""
    comparable: ClassVar[bool] = False
    """Whether answers can be judged beside those of a baseline."""
    shares_alarms: ClassVar[bool] = False
    """Whether the false alarms it may give are divided over the triggers of the feature that do the same."""
    reads: ClassVar[tuple[str, ...]] = ("bad", "count", "value")
    """The parts of a query of which one has to be there."""
    shown: ClassVar[tuple[str, str]]
    """The names of the numbers that say how far it is, and how far it may be."""

    @abstractmethod
    def judge(
        self,
        memory: tuple[int, ...],
        *subject: Reading,
        baseline: Reading | None = None,
        sharing: int = 1,
    ) -> Judgement:
        """Judge readings whose status is ok, one for each of `spans`. ``memory`` is empty at the start of an epoch.

        ``baseline`` is there when the trigger has one and `wants_baseline` said so. ``sharing``: how many triggers
        divide the false alarms they may give, where the method `shares_alarms`.
        """

    def spans(self, window_s: int, now: datetime) -> tuple[timedelta, ...]:  # noqa: ARG002 - of use to some
        """How far back from ``now`` each window reaches; by default one window of ``window_s`` seconds."""
        return (timedelta(seconds=window_s),)

    @classmethod
    def needs_the_window(cls) -> bool:
        """Whether answers have to be about the very windows that are asked for.

        So it is where windows are added up, and where each is of another length: an answer about a span of its own
        would count the same things again and again.
        """
        return cls.contiguous or cls.spans is not Method.spans

    def wants_baseline(self, memory: tuple[int, ...]) -> bool:  # noqa: ARG002 - of use to some
        """Whether the next judgement needs a reading of the baseline."""
        return True

    @abstractmethod
    def check(self) -> None:
        """Raise BadParameter when the parameters do not make sense together."""

    def params(self) -> dict[str, Param]:
        """The parameters as plain numbers; `parse` turns them back."""
        return {parameter.name: getattr(self, parameter.name) for parameter in fields(self)}

    @classmethod
    def parse(cls, params: Mapping[str, Param]) -> Self:
        """Build the method from plain numbers.

        Raises:
            BadParameter: A parameter is unknown, missing, of the wrong type or out of range.
        """
        known = {parameter.name: parameter for parameter in fields(cls)}
        for name in params:
            if name not in known:
                message = f"{cls.name} has no such parameter"
                raise BadParameter(f"params.{name}", message, f"use {', '.join(known)}")
        for name, parameter in known.items():
            _check_type(cls.name, name, parameter, params)
        method = cls(**params)
        method.check()
        return method


def require(condition: bool, field: str, message: str, remedy: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise BadParameter for ``params.<field>`` unless the condition holds."""
    if not condition:
        raise BadParameter(f"params.{field}", message, remedy)


def per_cent(share: float) -> str:
    """A share in words."""
    return f"{share * 100:.3g}%"


def _check_type(method: str, name: str, parameter: Field[Param], params: Mapping[str, Param]) -> None:
    wanted = _KINDS[str(parameter.type)]
    if name not in params:
        require(parameter.default is not MISSING, name, f"{method} needs it", f"give {wanted}")
        return
    given = params[name]
    # A boolean is an int to Python, and never what was meant here.
    fits = type(given) is int or (type(given) is float and parameter.type == "float")
    if parameter.type == "str":
        fits = type(given) is str and 0 < len(given) <= _LONGEST
    require(fits, name, f"{given!r} is not {wanted}", f"give {wanted}")
    if not isinstance(given, str):
        require(
            parameter.type == "int" or is_finite(given),
            name,
            f"{given} is not finite",
            "give a finite number",
        )


_KINDS = {"int": "a whole number", "float": "a number", "str": "a text"}
_LONGEST = 200
"""No text has more characters."""
