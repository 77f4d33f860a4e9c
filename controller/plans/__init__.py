"""The plans of the risk tiers: read from YAML, tightened by projects."""

from __future__ import annotations

from controller.plans.definitions import RECORD_FIELDS
from controller.plans.file import load_plans
from controller.plans.plans import Loosened, Plans

__all__ = ["RECORD_FIELDS", "Loosened", "Plans", "load_plans"]
