"""Stop and rollback triggers: pure rules that turn readings into verdicts and say what is due.

Nothing here reads a clock, a socket or the environment; the same code runs live and over recorded history.
"""

from triggers.detection import Bar, Detection, Unforeseeable, bar_of, detect
from triggers.methods import METHODS, BadParameter, Method, parse_method
from triggers.reading import Reading, Status, Window
from triggers.state import Phase, State, acknowledge, enter_epoch, redefine, window
from triggers.step import Step, escalate, judge, step
from triggers.trigger import Action, Arming, Rung, Scope, Trigger, TriggerClass
from triggers.verdict import Judgement, Verdict

__all__ = [
    "METHODS",
    "Action",
    "Arming",
    "BadParameter",
    "Bar",
    "Detection",
    "Judgement",
    "Method",
    "Phase",
    "Reading",
    "Rung",
    "Scope",
    "State",
    "Status",
    "Step",
    "Trigger",
    "TriggerClass",
    "Unforeseeable",
    "Verdict",
    "Window",
    "acknowledge",
    "bar_of",
    "detect",
    "enter_epoch",
    "escalate",
    "judge",
    "parse_method",
    "redefine",
    "step",
    "window",
]
