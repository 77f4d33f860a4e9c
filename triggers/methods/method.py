"""What every method offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime, timedelta
from typing import ClassVar, Self

from triggers.reading import Reading, is_finite
from triggers.verdict import Judgement

Number = int | float


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

    comparable: ClassVar[bool] = False
    """Whether answers can be judged beside those of a baseline."""

    @abstractmethod
    def judge(self, memory: tuple[int, ...], *subject: Reading, baseline: Reading | None = None) -> Judgement:
        """Judge readings whose status is ok, one for each of `spans`. ``memory`` is empty at the start of an epoch.

        ``baseline`` is there when the trigger has one and `wants_baseline` said so.
        """

    def spans(self, window_s: int, now: datetime) -> tuple[timedelta, ...]:  # noqa: ARG002 - of use to some
        """How far back from ``now`` each window reaches; by default one window of ``window_s`` seconds."""
        return (timedelta(seconds=window_s),)

    def wants_baseline(self, memory: tuple[int, ...]) -> bool:  # noqa: ARG002 - of use to some
        """Whether the next judgement needs a reading of the baseline."""
        return True

    @abstractmethod
    def check(self) -> None:
        """Raise BadParameter when the parameters do not make sense together."""

    def params(self) -> dict[str, Number]:
        """The parameters as plain numbers; `parse` turns them back."""
        return {parameter.name: getattr(self, parameter.name) for parameter in fields(self)}

    @classmethod
    def parse(cls, params: Mapping[str, Number]) -> Self:
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


def _check_type(method: str, name: str, parameter: Field[Number], params: Mapping[str, Number]) -> None:
    if name not in params:
        require(parameter.default is not MISSING, name, f"{method} needs it", "give a number")
        return
    given, wants_whole = params[name], parameter.type == "int"
    # A boolean is an int to Python, and never what was meant here.
    fits = type(given) is int or (type(given) is float and not wants_whole)
    kind = "a whole number" if wants_whole else "a number"
    require(fits, name, f"{given!r} is not {kind}", f"give {kind}")
    require(wants_whole or is_finite(given), name, f"{given} is not finite", "give a finite number")
