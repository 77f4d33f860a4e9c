"""Scores, latencies, tokens and costs from Langfuse, through its metrics API."""

from controller.sources.langfuse.source import Langfuse

__all__ = ["Langfuse"]
