"""The flags in use: one view, replaced whole, with its lease and those who want to be told."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from headgate.evaluator import Document, DocumentError
from headgate.evaluator.compiler import Rule
from headgate.tallies import Tallies
from headgate.view import View

log = logging.getLogger("headgate")

Status = Literal["starting", "ready", "stale", "lost", "offline", "closed"]
"""No flags yet; flags that are current; out of reach for now, the flags being valid still; out of reach for
longer than they are valid; flags that nobody keeps current, as asked for; closed."""

_ETAG: Final = re.compile(r"[!#-~]{1,200}")
"""What an ETag is made of (RFC 9110, 8.8.3)."""

Listener = Callable[["int | None"], object]
StatusListener = Callable[[Status], object]


class BadAnswerError(Exception):
    """The server answered something that is of no use; the message says what."""

    def __init__(self, message: str, *, refused: bool = False, retry_after_s: float | None = None) -> None:
        """See ``Backoff.after_failure``."""
        super().__init__(message)
        self.refused = refused
        self.retry_after_s = retry_after_s


class _State(NamedTuple):
    """Everything that changes together. ``contact``: when Headgate last said that this is current."""

    view: View | None = None
    etag: str | None = None
    contact: float = 0.0
    is_stale: bool = False


class Current:
    """Holds the view in use. Those who read it take no lock; those who replace it take turns.

    ``rules`` is what lookups use: those of the view, or none at all before there is one and after a fork,
    when the first lookup has something to do.
    """

    def __init__(
        self,
        *,
        tallies: Tallies,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``monotonic`` measures the lease; ``clock`` is what rules may ask for."""
        self.rules: Mapping[str, Rule] = {}
        self.ready = threading.Event()
        self._tallies = tallies
        self._monotonic = monotonic
        self._clock = clock
        self._state = _State()
        self._end: Literal["closed", "offline"] | None = None
        self._listeners: list[Listener] = []
        self._status_listeners: list[StatusListener] = []
        self._told: Status = "starting"
        self._turn = threading.RLock()

    @property
    def view(self) -> View | None:
        """The view in use; None before the first flags."""
        return self._state.view

    @property
    def etag(self) -> str | None:
        """What the server calls the flags in use; None when they are not from there."""
        return self._state.etag

    @property
    def status(self) -> Status:
        """Where we stand."""
        view = self._state.view
        if self._end is not None:
            return self._end
        if view is None:
            return "starting"
        if view.is_lost:
            return "lost"
        return "stale" if self._state.is_stale else "ready"

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with the revision after each new one, in the thread that brought it."""
        self._listeners.append(listener)

    def listen_to_status(self, listener: StatusListener) -> None:
        """Call ``listener`` with the status whenever it has changed."""
        self._status_listeners.append(listener)

    def replace(self, text: bytes, etag: str | None, asked: float) -> None:
        """Put a whole document in use. Raises BadAnswerError when it is none; then nothing changes.

        ``asked`` is when it was asked for: an answer that is older than what has arrived by another way since
        then is of no use.
        """
        document = self._read(text)
        with self._turn:
            state = self._state
            if asked < state.contact and _revision(document) < _revision(state.view):
                return
            self._use(document, etag, asked)
        self._tell(state.view)

    def patch(self, patch: Any, etag: str | None) -> bool:
        """Change the flags that ``patch`` names; return whether it fits the flags in use.

        Raises BadAnswerError when it is no patch; then nothing changes.
        """
        changed, removed, metadata = _parts(patch)
        with self._turn:
            state = self._state
            if state.view is None or state.etag is None or patch.get("from") != state.etag:
                return False
            try:
                document = state.view.document.patched(changed, removed, metadata)
            except DocumentError as problem:
                raise BadAnswerError(f"no patch ({problem})") from problem
            self._use(document, etag, self._monotonic())
        self._tell(state.view)
        return True

    def seed(self, document: Document, etag: str | None, age_s: float | None) -> None:
        """Begin with a document from elsewhere, last known to be current ``age_s`` ago; None: too long ago."""
        with self._turn:
            view = View(document, self._tallies)
            # Without a lease there is nothing that could have run out.
            age_s = (view.valid_for_s or 0.0) if age_s is None else age_s
            self._set(_State(view, _sayable(etag), self._monotonic() - age_s, is_stale=True))
            self.check_lease()

    def swap(self, document: Document) -> None:
        """Put another document in use although nobody keeps it current; for tests of products."""
        with self._turn:
            before, end, self._end = self._state.view, self._end, None
            was_lost = end is None and before is not None and before.is_lost
            self._use(document, None, self._monotonic())
            if was_lost:
                self._lose()
            self._end = end
        self._tell(before)

    def lose(self) -> None:
        """Be out of reach for too long, and stay so; for tests of products."""
        with self._turn:
            self._end = None
            self._lose()
        self._tell_status()

    def renew(self, asked: float) -> None:
        """Note that Headgate said at ``asked`` that the flags in use are current."""
        with self._turn:
            state = self._state
            if state.view is not None:
                contact = max(asked, state.contact)
                view = self._as_leased(state.view, contact)
                self._set(state._replace(view=view, contact=contact, is_stale=False))
                self.ready.set()
        self._tell_status()

    def trouble(self) -> None:
        """Note that Headgate is out of reach."""
        with self._turn:
            self._set(self._state._replace(is_stale=True))
        self._tell_status()

    def check_lease(self) -> None:
        """Switch to the lost view when the last contact is too long ago."""
        with self._turn:
            state = self._state
            if state.view is None or self._end is not None or self.lease_left_s() != 0:
                return
            self._lose()
        log.warning("Headgate is out of reach: every flag now obeys its when_lost.")
        self._tell_status()

    def age_s(self) -> float | None:
        """Return how long ago Headgate said that the flags in use are current; None: it did not, here."""
        return self._monotonic() - self._state.contact if self.ready.is_set() and self._end is None else None

    def lease_s(self) -> float | None:
        """Return for how long flags are valid without word from Headgate; None: for ever, or there are none."""
        view = self._state.view
        return None if view is None else view.valid_for_s

    def lease_left_s(self) -> float | None:
        """Return how long the flags are still valid; None when that does not matter."""
        view, _, contact, _ = self._state
        if view is None or view.is_lost or view.valid_for_s is None:
            return None
        return max(0.0, contact + view.valid_for_s - self._monotonic())

    def end(self, how: Literal["closed", "offline"]) -> None:
        """Keep the flags as they are from now on: ``offline`` as asked for, ``closed`` as lost."""
        with self._turn:
            view = self._state.view
            if how == "closed" and self._end != how and view is not None:
                self._end = None
                self._lose()
            self._end = how
            self.ready.set()
        self._tell_status()

    def hide(self) -> None:
        """After a fork: let the next lookup notice. Readers see no half of it."""
        self.rules = {}

    def renew_locks(self) -> None:
        """After a fork: no lock of the parent, which a thread that is not here may hold."""
        self._turn = threading.RLock()
        ready = threading.Event()
        if self.ready.is_set():
            ready.set()
        self.ready = ready

    def show(self) -> None:
        """Let lookups find the flags again."""
        with self._turn:
            self._set(self._state)

    def _read(self, text: bytes) -> Document:
        try:
            return Document.read(text, clock=self._clock)
        except DocumentError as problem:
            raise BadAnswerError(f"no flag document ({problem})") from problem

    def _use(self, document: Document, etag: str | None, contact: float) -> None:
        self._set(_State(self._as_leased(View(document, self._tallies), contact), _sayable(etag), contact))
        self.ready.set()

    def _lose(self) -> None:
        state = self._state
        self._set(state._replace(view=None if state.view is None else state.view.lost()))

    def _as_leased(self, view: View, contact: float) -> View:
        """Return the view as its lease has it: a server may say that what it knows is old."""
        is_over = view.valid_for_s is not None and contact + view.valid_for_s <= self._monotonic()
        if is_over is view.is_lost:
            return view
        return view.lost() if is_over else view.found()

    def _set(self, state: _State) -> None:
        # After the end nobody keeps the flags current any more, so a late answer is of no use.
        if self._end is None:
            self._state = state
            self.rules = {} if state.view is None else state.view.rules

    def _tell(self, before: View | None) -> None:
        view = self._state.view
        self._tell_status()
        if view is None or self._end == "closed":
            return
        if before is None or before.revision != view.revision or view.revision is None:
            for listener in tuple(self._listeners):
                _call(listener, view.revision)

    def _tell_status(self) -> None:
        with self._turn:
            status = self.status
            if status == self._told:
                return
            self._told = status
        for listener in tuple(self._status_listeners):
            _call(listener, status)


def _call(listener: Callable[[Any], object], what: Any) -> None:
    try:
        listener(what)
    except (Exception, SystemExit):  # A product's mistake must not stop the flags, nor end their thread.
        log.exception("A listener failed.")


def _sayable(etag: str | None) -> str | None:
    """Return what the server calls its flags if it can be told so again: with another name no request would be made."""
    return etag if etag is not None and _ETAG.fullmatch(etag) else None


def _revision(what: Document | View | None) -> int:
    document = what.document if isinstance(what, View) else what
    revision = None if document is None else document.metadata.get("revision")
    return revision if isinstance(revision, int) else 0


def _parts(patch: Any) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    if not isinstance(patch, dict):
        raise BadAnswerError("a patch that is no object")
    changed, removed, metadata = patch.get("set"), patch.get("unset"), patch.get("metadata")
    if not isinstance(changed, dict) or not isinstance(removed, list) or not isinstance(metadata, dict):
        raise BadAnswerError("a patch without set, unset and metadata")
    return changed, [key for key in removed if isinstance(key, str)], metadata
