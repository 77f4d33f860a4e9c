"""What is sent to CloudWatch, and what its answers mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.errors import BadSetting
from controller.secrets import Secrets
from controller.sources import BadQuery, Question
from controller.sources.cloudwatch import CloudWatch
from tests.access import fresh_access
from tests.endpoint import Call, Endpoint, serving
from triggers import Status, Window

PATIENT_S = 20.0
END = datetime(2026, 1, 2, 12, 0, 30, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=5), END)
SETTINGS = {"region": "eu-central-1", "access_key_id": "AKID", "secret": "env:AWS"}


def source(endpoint: Endpoint) -> CloudWatch:
    secrets = Secrets({"HEADGATE_SECRET_AWS": f"{endpoint.url} the-secret-access-key"})
    return CloudWatch.from_settings({"url": endpoint.url, **SETTINGS}, fresh_access(secrets=secrets))


def metric(name: str, **more: Any) -> str:
    described = {"Namespace": "AWS/Bedrock", "MetricName": name, "Stat": "Sum", **more}
    return json.dumps(described)


def answer(call: Call, **more: object) -> None:
    asked = json.loads(call.body)["MetricDataQueries"]
    results = [{"Id": each["Id"], "StatusCode": "Complete", "Values": [3, 1.5, 4]} for each in asked]
    call.reply(200, json.dumps({"MetricDataResults": results, **more}).encode())


def test_many_metrics_are_one_signed_request_about_whole_minutes() -> None:
    questions = [
        Question(
            {"value": metric("Invocations", Stat=stat, Dimensions={"ModelId": "${feature}"})},
            {"feature": 'a"b'},
            WINDOW,
        )
        for stat in ("Sum", "Maximum", "Minimum", "SampleCount")
    ]
    with serving(answer) as endpoint:
        readings = source(endpoint).read_many(questions, PATIENT_S)
        (call,) = endpoint.calls
    assert [each.value for each in readings] == [8.5, 4, 1.5, 8.5]
    assert call.headers["x-amz-target"] == "GraniteServiceVersion20100801.GetMetricData"
    assert "/eu-central-1/monitoring/aws4_request" in call.headers["authorization"]
    body = json.loads(call.body)
    assert (body["StartTime"], body["EndTime"]) == (END.timestamp() - 330, END.timestamp() - 30)
    stat = body["MetricDataQueries"][0]["MetricStat"]
    assert stat["Metric"]["Dimensions"] == [{"Name": "ModelId", "Value": 'a"b'}]
    assert (stat["Period"], stat["Stat"]) == (60, "Sum")


def test_an_answer_that_goes_on_elsewhere_is_none() -> None:
    with serving(lambda call: answer(call, NextToken="more")) as endpoint:
        reading = source(endpoint).read({"count": metric("Invocations")}, {}, WINDOW, PATIENT_S)
    assert reading.status is Status.ERROR
    assert "shorter window" in reading.message


def test_a_window_without_a_whole_minute_is_no_data_and_not_asked() -> None:
    window = Window(END, END + timedelta(seconds=20))
    with serving(answer) as endpoint:
        reading = source(endpoint).read({"count": metric("Invocations")}, {}, window, PATIENT_S)
        assert (reading.status, endpoint.calls) == (Status.NO_DATA, [])


def test_the_code_of_a_refusal_is_told_and_nothing_else_of_it() -> None:
    def refuse(call: Call) -> None:
        call.reply(403, b'{"__type": "com.amazon#AccessDenied", "message": "arn:aws:iam::123:user/x"}')

    with serving(refuse) as endpoint:
        reading = source(endpoint).read({"count": metric("Invocations")}, {}, WINDOW, PATIENT_S)
    assert reading.message.endswith("AccessDenied")
    assert "arn:" not in reading.message


@pytest.mark.parametrize(
    "written",
    [
        "SUM(METRICS())",
        "[]",
        metric("Invocations", Stat="Average"),
        metric("Invocations", Stat="p95"),
        metric("", Stat="Sum"),
        metric("Invocations", Dimensions={"a": 1}),
        metric("Invocations", Dimensions=["a"]),
        metric("Invocations", Period=60),
        '{"Namespace": ${feature}}',
        metric("Invocations", Dimensions={"a": "${nonsense}"}),
    ],
)
def test_what_is_no_metric_is_refused(written: str) -> None:
    with serving(answer) as endpoint, pytest.raises(BadQuery) as bad:
        source(endpoint).check_query({"count": written})
    assert bad.value.field == "count"


@pytest.mark.parametrize("region", ["", "europe", "eu-central-1.evil.example/"])
def test_what_is_no_region_is_refused(region: str) -> None:
    with pytest.raises(BadSetting, match="region"):
        CloudWatch.from_settings({**SETTINGS, "region": region}, fresh_access())
