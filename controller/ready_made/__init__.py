"""Triggers that most GenAI features need, ready to be added."""

from controller.ready_made.catalogue import Catalogue, ReadyMade, Telemetry, load_catalogue

__all__ = ["Catalogue", "ReadyMade", "Telemetry", "load_catalogue"]
