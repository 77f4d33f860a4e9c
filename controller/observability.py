"""Our own metrics: what Headgate says of itself at ``/metrics``."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

EVALUATIONS = Counter("headgate_evaluations_total", "Evaluations of triggers, by verdict", ["verdict"])
ACTIONS = Counter(
    "headgate_actions_total", "Actions that fell due, by what became of them", ["action", "result"]
)
BLIND_TRIGGERS = Gauge(
    "headgate_blind_triggers", "Armed triggers that nobody evaluates, or that see nothing", ["reason"]
)
SLOTS_MISSED = Counter("headgate_slots_missed_total", "Evaluations that were due while nobody could do them")
BROKEN_TRIGGERS = Counter("headgate_broken_triggers_total", "Triggers set aside because they cannot be read")
BROKEN_ROLLOUTS = Gauge(
    "headgate_broken_rollouts", "Rollouts served as off because they cannot be read", ["environment"]
)
LATENESS = Gauge("headgate_evaluation_lateness_seconds", "How long the longest waiting trigger has been due")
TICK_FAILURES = Counter("headgate_tick_failures_total", "Ticks that ended in an error")
NOTICES = Counter(
    "headgate_notices_total",
    "Attempts to tell a destination something, by what became of it",
    ["kind", "result"],
)
LOOKUPS = Counter(
    "headgate_flag_requests_total", "Requests for flags, by door and answer", ["door", "answer"]
)
DELIVERY_AGE = Gauge(
    "headgate_delivery_age_seconds",
    "How long ago the flags in memory were last known to agree with the database",
)
STREAMS = Gauge("headgate_streams", "Streams that are open, by what is sent on them", ["door"])
STREAMS_ENDED = Counter("headgate_streams_ended_total", "Streams that were ended, by the reason", ["reason"])
