"""Stop and rollback triggers: pure rules that turn readings into verdicts and say what is due.

Nothing here reads a clock, a socket or the environment; the same code runs live and over recorded history.
"""

from triggers.ask import Ask, Side, asks, control_window, window
from triggers.bars import Bar, Unforeseeable, bar_of
from triggers.detection import Detection, detect
from triggers.history import History, Plant, tiles
from triggers.loosening import Looser, loosened
from triggers.methods import METHODS, BadParameter, Method, Param, parse_method
from triggers.muting import Mute, mutes
from triggers.policy import BY_TIER, Policies, Policy, Reaction
from triggers.reading import Reading, Status, Window
from triggers.record import (
    Record,
    Unreadable,
    changed,
    changes,
    explained,
    is_as_written,
    reading_from_json,
    reading_to_json,
)
from triggers.replay import MOST, Drawn, Fired, Replay, TooLong, replay
from triggers.rule import policies_to_json, rule_from_json, rule_to_json, rung_to_json
from triggers.shadowing import WATCHED_FIRST_S, unproven
from triggers.sight import News, holds_back, is_blind
from triggers.state import Phase, State, acknowledge, enter_epoch, redefine
from triggers.step import Step, escalate, judge, step
from triggers.trigger import Action, Arming, Baseline, Rung, Scope, Trigger, TriggerClass
from triggers.verdict import Judgement, Lack, Severity, Verdict

__all__ = [
    "BY_TIER",
    "METHODS",
    "MOST",
    "WATCHED_FIRST_S",
    "Action",
    "Arming",
    "Ask",
    "BadParameter",
    "Bar",
    "Baseline",
    "Detection",
    "Drawn",
    "Fired",
    "History",
    "Judgement",
    "Lack",
    "Looser",
    "Method",
    "Mute",
    "News",
    "Param",
    "Phase",
    "Plant",
    "Policies",
    "Policy",
    "Reaction",
    "Reading",
    "Record",
    "Replay",
    "Rung",
    "Scope",
    "Severity",
    "Side",
    "State",
    "Status",
    "Step",
    "TooLong",
    "Trigger",
    "TriggerClass",
    "Unforeseeable",
    "Unreadable",
    "Verdict",
    "Window",
    "acknowledge",
    "asks",
    "bar_of",
    "changed",
    "changes",
    "control_window",
    "detect",
    "enter_epoch",
    "escalate",
    "explained",
    "holds_back",
    "is_as_written",
    "is_blind",
    "judge",
    "loosened",
    "mutes",
    "parse_method",
    "policies_to_json",
    "reading_from_json",
    "reading_to_json",
    "redefine",
    "replay",
    "rule_from_json",
    "rule_to_json",
    "rung_to_json",
    "step",
    "tiles",
    "unproven",
    "window",
]
