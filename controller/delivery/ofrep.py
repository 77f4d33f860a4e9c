"""The OpenFeature Remote Evaluation Protocol (OFREP 0.3), with answers that stock clients accept.

Every answer has a key, a value, a variant, a reason and metadata; every error has ``errorCode`` and ``errorDetails``.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qs

from controller.delivery.answers import Answers
from controller.delivery.documents import PRIVATE
from controller.delivery.doorkeeper import Doorkeeper, Visitor, revision_of
from controller.delivery.exchange import JSON, NO_STORE, Exchange, Refused
from controller.delivery.served import Served
from controller.delivery.uses import Uses
from controller.errors import Problem
from controller.store.document_reads import Reader
from controller.store.keys import KeyKind
from controller.strict_json import InvalidJSON, loads

_PREFIX = "/ofrep/"
ALL = "/ofrep/v1/evaluate/flags"
ONE = f"{ALL}/"
EVENTS = "/ofrep/v1/events"
KINDS = (KeyKind.SERVER, KeyKind.CLIENT)
_UNREADABLE = (400, 413, 415)


class BadContext(Refused):
    """The evaluation context cannot be used."""

    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__(400, "invalid_context", message, Problem(field, message, remedy))


class Ofrep:
    """Evaluates flags for whoever asks."""

    def __init__(self, doorkeeper: Doorkeeper, uses: Uses) -> None:
        self._doorkeeper = doorkeeper
        self._uses = uses

    async def one(self, exchange: Exchange) -> None:
        """Evaluate one flag."""
        visitor = await self._doorkeeper.let_in(exchange, *KINDS)
        context = context_in(await _json(exchange))
        flag = exchange.path[len(ONE) :]
        answers = _answers(await self._doorkeeper.served(visitor), visitor)
        if flag not in answers:
            # A flag that was deleted is not among them; that it is still asked for has to be known.
            self._uses.count(visitor.environment_id, flag, None)
            raise _not_found(flag)
        evaluation = answers.evaluate(flag, context)
        if evaluation.error_code:
            raise _unusable(evaluation.error_code, evaluation.error_message)
        self._uses.count(visitor.environment_id, flag, evaluation.variant)
        await exchange.answer(200, answers.encoded(flag, evaluation).body, NO_STORE)

    async def all(self, exchange: Exchange) -> None:
        """Evaluate every flag the key may see; answers 304 when nothing has changed for this context."""
        visitor = await self._doorkeeper.let_in(exchange, *KINDS)
        context = context_in(await _json(exchange))
        served = await self._doorkeeper.served(visitor, _announced(exchange))
        answers = _answers(served, visitor)
        reader = Reader.OFREP if visitor.sees_rules else Reader.PAGES
        self._uses.note_read(visitor.environment_id, visitor.lock.id, reader)
        given = answers.all(context)
        streams = self._streams(visitor)
        parts = [answers.metadata, streams, *(answer.digest for answer in given)]
        etag = hashlib.blake2b(b"".join(parts), digest_size=16).hexdigest()
        headers = [(b"etag", f'"{etag}"'.encode()), PRIVATE]
        if exchange.knows(etag):
            await exchange.answer(304, b"", *headers)
            return
        flags = b",".join([answer.body for answer in given])
        body = b'{"flags":[%b],"eventStreams":%b,"metadata":%b}' % (flags, streams, answers.metadata)
        await exchange.answer(200, body, *headers)

    def _streams(self, visitor: Visitor) -> bytes:
        uri = f"{EVENTS}?ticket={self._doorkeeper.ticket(visitor)}"
        return b'[{"type":"sse","endpoint":{"requestUri":"%b"},"inactivityDelaySec":120}]' % uri.encode()


def in_its_words(refused: Refused, exchange: Exchange) -> dict[str, Any]:
    """What OFREP says about an error, to be added to what we say; nothing at addresses that are not OFREP's."""
    path = exchange.path
    if not path.startswith(_PREFIX):
        return {}
    told = {"errorCode": _code(refused), "errorDetails": refused.detail}
    return told | ({"key": path[len(ONE) :]} if path.startswith(ONE) else {})


def _code(refused: Refused) -> str:
    if isinstance(refused, _Unusable):
        return refused.error_code
    return _CODES.get(refused.code, "PARSE_ERROR" if refused.status in _UNREADABLE else "GENERAL")


_CODES = {"invalid_context": "INVALID_CONTEXT", "not_found": "FLAG_NOT_FOUND"}


class _Unusable(Refused):
    def __init__(self, error_code: str, why: str) -> None:
        remedy = "look at the flag, or its feature, in the console"
        super().__init__(400, "flag_unusable", why, Problem("flag", why, remedy))
        self.error_code = error_code


def context_in(body: Any) -> dict[str, Any]:
    """The evaluation context in the body of a request; one that has none is empty.

    Raises:
        BadContext: It cannot be used.
    """
    if not isinstance(body, dict):
        raise BadContext("body", "the body is not an object", 'send {"context": {...}}')
    context = body.get("context")
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise BadContext("context", "it is not an object", 'send {"context": {"targetingKey": "..."}}')
    if not isinstance(context.get("targetingKey", ""), str):
        raise BadContext("context.targetingKey", "it is not a text", "send the user's id as a text")
    return context


async def _json(exchange: Exchange) -> Any:
    given = exchange.headers.get(b"content-type", b"")
    if given != JSON:
        _refuse_unless_json(given)
    body = await exchange.body()
    try:
        return loads(body)
    except InvalidJSON as invalid:
        problem = Problem("body", str(invalid), "send one JSON value (RFC 8259)")
        raise Refused(400, "invalid_json", f"the body is not valid JSON: {invalid}", problem) from invalid


def _refuse_unless_json(declared: bytes) -> None:
    kind = declared.partition(b";")[0].strip().lower()
    if kind != JSON and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
        shown = kind.decode("latin1")
        problem = Problem("Content-Type", f"{shown!r} is not JSON", "send Content-Type: application/json")
        raise Refused(415, "not_json", "the body is not declared as JSON", problem)


def _answers(served: Served, visitor: Visitor) -> Answers:
    return served.answers if visitor.sees_rules else served.visible_answers


def _announced(exchange: Exchange) -> int:
    """The revision a stream told the caller of: it may have come from a process that knows more than this one."""
    if not exchange.query:
        return 0
    told = parse_qs(exchange.query.decode("latin1")).get("flagConfigEtag", [""])
    return revision_of(told[0])


def _not_found(flag: str) -> Refused:
    detail = f"there is no flag {flag!r} here"
    remedy = "check how it is spelled, and that your key is of its project"
    return Refused(404, "not_found", detail, Problem("flag", detail, remedy))


def _unusable(error_code: str, why: str | None) -> Refused:
    return _Unusable(error_code, why or "the flag cannot be worked out")
