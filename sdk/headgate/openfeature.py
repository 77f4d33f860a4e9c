"""Headgate as a provider of OpenFeature: ``pip install headgate[openfeature]``.

    api.set_provider_and_wait(HeadgateProvider(headgate.Client(url, key)))

``api.set_provider`` does not wait: until the provider is ready OpenFeature itself gives the defaults of your code.
A rollout's flag is an object; ``<feature>.enabled`` a boolean. Everything is answered from memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from headgate.client import Client
from headgate.current import Status
from headgate.evaluator import Document
from headgate.offline import OfflineClient
from headgate.outcomes import FIELDS
from headgate.questions import Details, mismatch

NAME: Final = "headgate"
_EVENTS: Final[Mapping[Status, ProviderEvent]] = {
    "ready": ProviderEvent.PROVIDER_READY,
    "stale": ProviderEvent.PROVIDER_STALE,
    "lost": ProviderEvent.PROVIDER_ERROR,
}


class HeadgateProvider(AbstractProvider):
    """Answers OpenFeature's questions from a client's flags, and tells of what becomes of them.

    Events: ready when the first flags are there; configuration changed with each new revision, naming the flags;
    stale while Headgate is out of reach, told with the first question where it begins so; error when it has been
    for longer than the flags are valid, so that every ``when_lost`` applies; ready again when it is back. In none
    of these states is there no answer.

    Tracking: an event whose attributes have ``feature`` reports an outcome of that feature. Of its other
    attributes, those that ``Client.report`` knows are taken.
    """

    def __init__(self, client: Client | OfflineClient, *, ready_within_s: float = 5.0) -> None:
        """``client`` is closed by ``shutdown``. ``ready_within_s``: how long initialising may take."""
        super().__init__()
        self._client = client
        self._ready_within_s = ready_within_s
        self._told: Document | None = None
        self._is_initialised = False
        self._begins_stale = False
        self._said: Status | None = None
        client.on_change(self._changed)
        client.on_status(self._status)

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata(NAME)

    def initialize(self, evaluation_context: EvaluationContext) -> None:  # noqa: ARG002 - OpenFeature's interface
        """Wait for the first flags. Raises ProviderNotReadyError; they may still come later, and are told then."""
        is_ready = self._client.wait_until_ready(self._ready_within_s)
        self._told = self._client.document
        self._begins_stale = self._client.status == "stale"
        self._is_initialised = True
        if not is_ready:
            raise ProviderNotReadyError(f"Headgate gave no valid flags within {self._ready_within_s:g} s")

    def shutdown(self) -> None:
        """Send what is queued and close the client."""
        self._client.close()

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """Return a boolean, or the default with the reason for it; so do the others for their types."""
        return self._resolve(flag_key, default_value, evaluation_context, _boolean)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Return a string."""
        return self._resolve(flag_key, default_value, evaluation_context, _string)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Return a whole number."""
        return self._resolve(flag_key, default_value, evaluation_context, _integer)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """Return a number."""
        return self._resolve(flag_key, default_value, evaluation_context, _float)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[Any] | Mapping[str, Any],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[Any] | Mapping[str, Any]]:
        """Return an object or a list, a copy that the caller may change."""
        return self._resolve(flag_key, default_value, evaluation_context, _structure)

    def track(
        self,
        tracking_event_name: str,  # noqa: ARG002 - OpenFeature's interface
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Report an outcome; see the class. An event without ``feature`` is none of ours."""
        said = dict(tracking_event_details.attributes) if tracking_event_details else {}
        feature = said.pop("feature", None)
        if not isinstance(feature, str):
            return
        decision = self._client.decide(feature, _context(evaluation_context))
        known: dict[str, Any] = {name: value for name, value in said.items() if name in FIELDS}
        self._client.report(decision, **known)

    def _resolve(
        self,
        flag: str,
        default: Any,
        context: EvaluationContext | None,
        convert: Callable[[Any], Any],
    ) -> FlagResolutionDetails[Any]:
        if self._begins_stale:
            self._tell_that_it_began_stale()
        found = self._client.details(flag, _context(context))
        metadata = dict(found.metadata)
        if found.variant is None:
            code = None if found.error_code is None else ErrorCode[found.error_code]
            return FlagResolutionDetails(default, code, found.error_message, found.reason, None, metadata)
        value = convert(found.value)
        if value is None:
            return _mismatch(found, default, metadata)
        return FlagResolutionDetails(value, None, None, found.reason, found.variant, metadata)

    def _tell_that_it_began_stale(self) -> None:
        """Say so with the first question: after initialising, OpenFeature itself says that all is well."""
        self._begins_stale = False
        if self._client.status == "stale":
            self._status("stale")

    def _changed(self, _revision: int | None) -> None:
        before, now = self._told, self._client.document
        self._told = now
        # What initialising found may be told of here once more, a moment later.
        names = now.changed_since(before) if self._is_initialised and now is not None else []
        if names:
            self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=names))

    def _status(self, status: Status) -> None:
        event = _EVENTS.get(status)
        if event is None or not self._is_initialised or status == self._said:
            return
        self._said = status
        if event is ProviderEvent.PROVIDER_ERROR:
            message = "Headgate has been out of reach for longer than the flags are valid."
            self.emit(event, ProviderEventDetails(message=message, error_code=ErrorCode.GENERAL))
        else:
            self.emit(event, ProviderEventDetails())


def _context(context: EvaluationContext | None) -> dict[str, Any]:
    if context is None:
        return {}
    attributes: dict[str, Any] = {**context.attributes}
    # An attribute never stands for the targeting key.
    attributes.pop("targetingKey", None)
    return {**attributes, "targetingKey": context.targeting_key} if context.targeting_key else attributes


def _mismatch(found: Details, default: Any, metadata: dict[str, Any]) -> FlagResolutionDetails[Any]:
    message = mismatch(found.value)
    return FlagResolutionDetails(default, ErrorCode.TYPE_MISMATCH, message, "ERROR", None, metadata)


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else None


def _string(value: Any) -> Any:
    return value if isinstance(value, str) else None


def _integer(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _float(value: Any) -> Any:
    # JSON writes 10.0 as 10; the client wants a float.
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _structure(value: Any) -> Any:
    return _thawed(value) if isinstance(value, (dict, tuple)) else None


def _thawed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _thawed(item) for key, item in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value
