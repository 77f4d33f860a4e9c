"""The questions product code asks, answered from memory."""

from __future__ import annotations

import builtins
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from headgate import telemetry
from headgate.context import About, make_context
from headgate.conversations import Conversations
from headgate.current import Current, Listener, Status, StatusListener
from headgate.decision import Decision, ErrorCode, Mode, Reason, without_value
from headgate.evaluator import Document
from headgate.evaluator.compiler import Constant
from headgate.outcomes import Said, make_outcome
from headgate.readonly import EMPTY
from headgate.runs import Run
from headgate.view import SWITCH_SUFFIX, Found

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logging.getLogger("headgate")

traced = telemetry.context

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """A plain flag's value and why it is that; the caller's default where ``variant`` is None."""

    flag: str
    value: Any = field(hash=False)
    reason: Reason
    variant: str | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=lambda: EMPTY, hash=False)
    revision: int | None = None


class Questions:
    """Answers from the flags in use. Nothing here raises, waits or does any I/O, whatever is passed in.

    A user is an id (a text, a whole number, a UUID), or a whole context: a mapping with ``targetingKey``.
    """

    def __init__(self, current: Current, *, clock: Callable[[], float] = time.time) -> None:
        """``clock`` returns seconds since the epoch."""
        self._current = current
        self._clock = clock
        self._conversations = Conversations()
        self._has_complained = False

    def decide(
        self,
        feature: str,
        user: object = None,
        # These are meant to be named. That they need not be saves a third of the call.
        task: str | None = None,
        cohorts: Iterable[str] | None = None,
        attributes: Mapping[str, Any] | None = None,
        conversation: str | None = None,
        default: Decision | Mode | None = None,
    ) -> Decision:
        """Return what ``user`` may have of ``feature``. Takes no lock unless there is a conversation.

        Without a user (None or "") the question is anonymous: outside any percentage. ``conversation`` is an id;
        where the feature lets conversations finish, it stays on the release it began with in this process.
        ``default`` is returned when there are no flags yet or none for the feature; without it the mode is "off".
        """
        found = None
        try:
            rule = self._current.rules[feature]
            found = (
                rule.value  # Who asks makes no difference.
                if type(rule) is Constant
                else rule(
                    user
                    if type(user) is dict
                    and user.get("targetingKey", "").__class__ is str
                    and attributes is None
                    and task is None
                    and cohorts is None
                    else make_context(user, task, cohorts, attributes)
                )
            )
            found.tally.count += 1
            decision = found.decision
            if decision is not None and conversation is None and (traced is None or not traced()):
                return decision  # type: ignore[no-any-return]
        except Exception:  # Whatever was passed in, the product goes on, here as below.
            found = None
        try:
            if found is None:
                found = self._find(feature, make_context(user, task, cohorts, attributes))
            return self._decided(feature, found, conversation, default)
        except Exception:
            log.debug("A decision could not be made.", exc_info=True)
            return _last_resort(feature, default)

    def enabled(
        self, feature: str, user: object = None, *, default: bool = False, **about: Unpack[About]
    ) -> bool:
        """Return whether ``user`` may have ``feature`` without a human in between; see ``decide``."""
        return self.boolean(
            f"{feature}{SWITCH_SUFFIX}" if type(feature) is str else "", user, default=default, **about
        )

    def boolean(self, flag: str, user: object = None, default: bool = False, **about: Unpack[About]) -> bool:
        """Return the value of a boolean flag, or ``default`` when there is none of that type."""
        try:
            if traced is None or not traced():
                rule = self._current.rules[flag]
                found = (
                    rule.value
                    if type(rule) is Constant
                    else rule(
                        user
                        if type(user) is dict and not about and user.get("targetingKey", "").__class__ is str
                        else make_context(user, **about)
                    )
                )
                found.tally.count += 1
                return found.value if type(found.value) is bool else default
        except Exception:
            log.debug("Not asked for yet, or asked for with something odd.")
        return self._value(flag, user, about, default, _is_boolean)

    def string(self, flag: str, user: object = None, *, default: str = "", **about: Unpack[About]) -> str:
        """Return the value of a string flag, or ``default`` when there is none of that type."""
        return self._value(flag, user, about, default, _is_string)

    def number(self, flag: str, user: object = None, *, default: float = 0, **about: Unpack[About]) -> float:
        """Return the value of a number flag, or ``default`` when there is none of that type."""
        return self._value(flag, user, about, default, _is_number)

    def object(
        self, flag: str, user: builtins.object = None, *, default: Any = EMPTY, **about: Unpack[About]
    ) -> Any:
        """Return the value of an object flag, read-only, or ``default`` when there is none of that type."""
        return self._value(flag, user, about, default, _is_object)

    def details(
        self, flag: str, user: builtins.object = None, *, default: Any = None, **about: Unpack[About]
    ) -> Details:
        """Return a flag's value with the reason for it, whatever its type.

        The value is ``default`` when there is no value, or one of another type than ``default`` has.
        """
        try:
            found = self._find(flag, make_context(user, **about))
            details = _details(flag, found, default, self.revision)
            _record(details)
        except Exception:
            log.debug("A flag could not be looked up.", exc_info=True)
            details = Details(flag=flag, value=default, reason="ERROR", error_code="GENERAL")
        return details

    def run(
        self,
        feature: str,
        user: builtins.object = None,
        *,
        conversation: str | None = None,
        default: Decision | Mode | None = None,
        **about: Unpack[About],
    ) -> Run:
        """Decide, and return a context manager that times the answer and reports what is said about it."""
        decision = self.decide(feature, user, conversation=conversation, default=default, **about)
        return Run(decision, self._report_run, task=about.get("task"), conversation=conversation)

    def report(self, decision: Decision, **said: Unpack[Said]) -> None:
        """Queue what became of an answer, to be sent later."""
        try:
            self._put(make_outcome(decision, said, self._clock()))
        except Exception:
            log.debug("An outcome could not be queued.", exc_info=True)
            self._refuse()

    def on_change(self, listener: Listener) -> None:
        """Call ``listener`` with the revision after each new one was put in use, in a background thread."""
        self._current.listen(listener)

    def on_status(self, listener: StatusListener) -> None:
        """Call ``listener`` with the status whenever it has changed, in a background thread."""
        self._current.listen_to_status(listener)

    @property
    def revision(self) -> int | None:
        """The revision of the flags in use; None before the first ones."""
        view = self._current.view
        return None if view is None else view.revision

    @property
    def document(self) -> Document | None:
        """The flag document in use; None before the first one."""
        view = self._current.view
        return None if view is None else view.document

    @property
    def status(self) -> Status:
        """One of "starting", "ready", "stale", "lost", "offline" and "closed"."""
        return self._current.status

    def _put(self, outcome: dict[str, Any]) -> None:
        """Queue an outcome."""
        raise NotImplementedError

    def _refuse(self) -> None:
        """Count an outcome that could not be queued."""
        raise NotImplementedError

    def _wake(self) -> None:
        """Do what is to be done before the first lookup in this process."""

    def _find(self, flag: str, context: dict[str, Any]) -> Found | None:
        """Return what ``flag`` answers; None before the first flags."""
        if not self._current.rules:
            self._wake_if_possible()
        view = self._current.view
        if view is None:
            return None
        found = view.find(flag, context)
        found.tally.count += 1
        return found

    def _wake_if_possible(self) -> None:
        """Wake up. Where that fails nobody keeps the flags current; then they are good until their lease ends."""
        try:
            self._wake()
        except Exception:
            if not self._has_complained:
                log.warning(
                    "Nothing keeps the flags current in this process; it is tried again.", exc_info=True
                )
            self._has_complained = True
            self._current.check_lease()
            self._current.hide()

    def _decided(
        self, feature: str, found: Found | None, conversation: str | None, default: Decision | Mode | None
    ) -> Decision:
        decision = self._settled(feature, found, conversation, default)
        if telemetry.is_wanted():
            telemetry.record(telemetry.about_decision(decision))
        return decision

    def _settled(
        self, feature: str, found: Found | None, conversation: str | None, default: Decision | Mode | None
    ) -> Decision:
        if found is None:
            return without_value(feature, default, "ERROR", "PROVIDER_NOT_READY")
        decision = found.decision
        if decision is None:
            return found.decision_with(feature, default)
        if conversation is None:
            return decision
        return self._conversations.settle(conversation, decision, found.metadata)

    def _value(
        self, flag: str, user: builtins.object, about: About, default: Value, accepts: Callable[[Any], bool]
    ) -> Value:
        try:
            found = self._find(flag, make_context(user, **about))
            _record(_details(flag, found, None, self.revision))
            return default if found is None or not accepts(found.value) else found.value
        except Exception:
            log.debug("A flag could not be looked up.", exc_info=True)
            return default

    def _report_run(self, decision: Decision, said: Mapping[str, Any], conversation: str | None) -> None:
        self.report(decision, **said)
        if telemetry.is_wanted():
            telemetry.record(telemetry.about_run(decision, said, conversation))


def _record(found: Details) -> None:
    if telemetry.is_wanted():
        about = (found.flag, found.variant, found.reason, found.revision, found.error_code)
        telemetry.record(telemetry.about_flag(*about))


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and type(value) is not bool


def _is_object(value: Any) -> bool:
    return isinstance(value, (dict, tuple))


def accepted_like(default: Any) -> Callable[[Any], bool]:
    """Return what tells whether a value is of the type of ``default``; anything goes where that is None."""
    for accepts in (_is_boolean, _is_string, _is_number):
        if accepts(default):
            return accepts
    return _is_object if isinstance(default, (dict, list, tuple)) else lambda _value: True


def mismatch(value: Any) -> str:
    """Return what is said of a value that is not of the type it was asked for as, in the words of flags."""
    kinds: Mapping[type, str] = {
        bool: "boolean",
        str: "string",
        int: "integer",
        float: "float",
        tuple: "list",
    }
    return f"The value is of the type {kinds.get(type(value), 'object')}."


def _details(flag: str, found: Found | None, default: Any, revision: int | None) -> Details:
    if found is None:
        return Details(flag=flag, value=default, reason="ERROR", error_code="PROVIDER_NOT_READY")
    details = Details(
        flag=flag,
        value=default if found.variant is None else found.value,
        reason=found.reason,
        variant=found.variant,
        error_code=found.error_code,
        error_message=found.error_message,
        metadata=found.metadata,
        revision=revision,
    )
    if found.variant is None or accepted_like(default)(found.value):
        return details
    refused = replace(details, value=default, variant=None, reason="ERROR")
    return replace(refused, error_code="TYPE_MISMATCH", error_message=mismatch(found.value))


def _last_resort(feature: object, default: Decision | Mode | None) -> Decision:
    if isinstance(default, Decision):
        return default
    mode: Mode | None = default if isinstance(default, str) else None
    name = feature if isinstance(feature, str) else ""
    return without_value(name, mode, "ERROR", "GENERAL")
