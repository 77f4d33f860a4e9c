"""What is sent to CloudWatch, and what its answers mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.errors import BadSetting
from controller.http import Outbound
from controller.secrets import Secrets
from controller.sources import BadQuery, Question
from controller.sources.cloudwatch import CloudWatch
from tests.access import fresh_access
from tests.endpoint import Call, Endpoint, replying, serving
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


def test_an_average_is_that_of_the_window_with_its_samples() -> None:
    def uneven(call: Call) -> None:
        values = {"Sum": [100, 1_000], "SampleCount": [10, 1]}
        asked = json.loads(call.body)["MetricDataQueries"]
        results = [
            {"Id": one["Id"], "StatusCode": "Complete", "Values": values[one["MetricStat"]["Stat"]]}
            for one in asked
        ]
        call.reply(200, json.dumps({"MetricDataResults": results}).encode())

    with serving(uneven) as endpoint:
        latency = {"value": metric("InvocationLatency", Stat="Average")}
        reading = source(endpoint).read(latency, {}, WINDOW, PATIENT_S)
        assert len(endpoint.calls) == 1
    # The average of the two minutes' averages would be 505.
    assert (reading.value, reading.samples) == (100, 11)
    assert reading.asked == latency


def test_an_average_of_nothing_is_no_data() -> None:
    def nothing(call: Call) -> None:
        results = [{"Id": f"q{place}", "StatusCode": "Complete", "Values": []} for place in range(2)]
        call.reply(200, json.dumps({"MetricDataResults": results}).encode())

    with serving(nothing) as endpoint:
        reading = source(endpoint).read({"value": metric("Latency", Stat="Average")}, {}, WINDOW, PATIENT_S)
    assert reading.status is Status.NO_DATA


def test_an_average_counts_nothing() -> None:
    with serving(answer) as endpoint, pytest.raises(BadQuery, match="counts nothing"):
        source(endpoint).check_query({"count": metric("Latency", Stat="Average")})


GRANTED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/metrics/headgate</Arn>
<AssumedRoleId>ARO123EXAMPLE123:headgate</AssumedRoleId></AssumedRoleUser><Credentials>
<AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
<SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
<SessionToken>AQoDYXdzEPT4//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW==</SessionToken>
<Expiration>2100-11-09T13:34:41Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/metrics", "external_id": "acme-7"}


def assuming(endpoint: Endpoint, sts: Endpoint, **more: str) -> CloudWatch:
    secrets = Secrets({"HEADGATE_SECRET_AWS": f"{endpoint.url} the-secret-access-key"})
    settings = {"url": endpoint.url, "sts_url": sts.url, **SETTINGS, **ROLE, **more}
    return CloudWatch.from_settings(settings, fresh_access(secrets=secrets))


def test_a_role_is_assumed_once_and_its_keys_sign() -> None:
    with serving(answer) as endpoint, serving(replying(200, GRANTED)) as sts:
        asked = assuming(endpoint, sts)
        for _ in range(2):
            assert asked.read({"count": metric("Invocations")}, {}, WINDOW, PATIENT_S).status is Status.OK
        (bought,) = sts.calls
    assert bought.form == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": ROLE["role_arn"],
        "RoleSessionName": "headgate",
        "ExternalId": "acme-7",
    }
    assert "Credential=AKID/" in bought.headers["authorization"]
    assert "/eu-central-1/sts/aws4_request" in bought.headers["authorization"]
    signed = endpoint.calls[0].headers
    assert "Credential=ASIAIOSFODNN7EXAMPLE/" in signed["authorization"]
    assert "x-amz-security-token" in signed["authorization"]
    assert signed["x-amz-security-token"].startswith("AQoDYXdz")


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (
            403,
            b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>arn:aws:iam</Message>",
            "AccessDenied",
        ),
        (500, b"oops", "HTTP 500"),
        (200, b"<html>", "did not answer with keys"),
        (200, GRANTED.replace(b"2100-11", b"2100-77"), "did not answer with keys"),
    ],
)
def test_a_role_that_cannot_be_assumed_is_told_and_nothing_is_asked(
    status: int, body: bytes, told: str
) -> None:
    with serving(answer) as endpoint, serving(replying(status, body)) as sts:
        reading = assuming(endpoint, sts).read({"count": metric("Invocations")}, {}, WINDOW, PATIENT_S)
        assert endpoint.calls == []
    assert reading.status is Status.ERROR
    assert told in reading.message
    assert "arn:" not in reading.message


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"role_arn": "metrics"}, "role_arn"),
        ({"external_id": "with space"}, "external_id"),
        ({"sts_url": "http://169.254.169.254"}, "sts_url"),
        ({"sts_url": "ftp://sts"}, "sts_url"),
    ],
)
def test_what_is_no_role_is_refused(settings: dict[str, str], field: str) -> None:
    with serving(answer) as endpoint, pytest.raises(BadSetting) as bad:
        assuming(endpoint, endpoint, **settings)
    assert bad.value.field == field


def test_where_a_role_is_assumed_is_looked_up_when_it_is_saved() -> None:
    leads = {"cloud.example": "127.0.0.1", "sts.example": "169.254.169.254"}
    url = "http://cloud.example"
    access = fresh_access(
        secrets=Secrets({"HEADGATE_SECRET_AWS": f"{url} the-secret-access-key"}),
        outbound=Outbound(resolve=lambda host, _: [leads[host]]),
    )
    settings = {"url": url, "sts_url": "http://sts.example", **SETTINGS, **ROLE}
    asked = CloudWatch.from_settings(settings, access)
    with pytest.raises(BadSetting) as bad:
        asked.check_leads()
    assert bad.value.field == "sts_url"


def test_what_goes_with_a_role_is_refused_without_one() -> None:
    url = "http://127.0.0.1:9"
    access = fresh_access(secrets=Secrets({"HEADGATE_SECRET_AWS": f"{url} the-secret-access-key"}))
    with pytest.raises(BadSetting, match="external_id"):
        CloudWatch.from_settings({"url": url, **SETTINGS, "external_id": "acme-7"}, access)


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
