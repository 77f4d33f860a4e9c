"""Metric sources: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from controller.sources.cloudwatch import CloudWatch
from controller.sources.datadog import Datadog
from controller.sources.http_json import HttpJson
from controller.sources.inbound import Inbound
from controller.sources.langfuse import Langfuse
from controller.sources.outcomes import Outcomes
from controller.sources.prometheus import Prometheus
from controller.sources.records import Records
from controller.sources.source import (
    VALUE_MEASURES,
    BadConfiguration,
    BadQuery,
    BadSetting,
    Question,
    SecretPlace,
    Shape,
    Source,
    Timing,
    Tried,
    shape_of,
)
from controller.sources.sql import Sql

SOURCES: Mapping[str, type[Source]] = {
    "cloudwatch": CloudWatch,
    "datadog": Datadog,
    "http_json": HttpJson,
    "inbound": Inbound,
    "langfuse": Langfuse,
    "outcomes": Outcomes,
    "prometheus": Prometheus,
    "records": Records,
    "sql": Sql,
}
"""Every kind of source by its name in settings."""

__all__ = [
    "SOURCES",
    "VALUE_MEASURES",
    "BadConfiguration",
    "BadQuery",
    "BadSetting",
    "Question",
    "SecretPlace",
    "Shape",
    "Source",
    "Timing",
    "Tried",
    "shape_of",
]
