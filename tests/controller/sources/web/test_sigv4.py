"""Signature Version 4 against the vectors of AWS' test suite, and against what botocore 1.44.8 signs."""

from datetime import UTC, datetime

import pytest

from controller.sources.web.auth import Unsigned
from controller.sources.web.sigv4 import signature

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HOST = "https://example.amazonaws.com"
VANILLA = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
WITH_FORM = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
ORDERED = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
PROMETHEUS = "736820857d16a3969d486d23a76d491d71330f2b7776748805b50263bcf218e5"
ENCODED = "cce2020913a95abfe8a5ad36a41aee7385d715982d97c045f56f67c04073b2cc"
WORKSPACE = "https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-1/api/v1/query"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Unsigned("GET", f"{HOST}/", {}, b""), VANILLA),
        (Unsigned("POST", f"{HOST}/", FORM, b"Param1=value1"), WITH_FORM),
        (Unsigned("GET", f"{HOST}/?Param2=value2&Param1=value1", {}, b""), ORDERED),
        (
            Unsigned(
                "POST", WORKSPACE, {**FORM, "X-Scope-OrgID": "a  b"}, b"query=up%7Bx%3D%22y%22%7D&time=1.0"
            ),
            PROMETHEUS,
        ),
        (Unsigned("GET", f"{HOST}:8443/a%20b/c?q=a%20b&q=%2F~&e", {}, b""), ENCODED),
    ],
)
def test_a_request_is_signed_as_aws_signs_it(request_: Unsigned, expected: str) -> None:
    signed = signature(request_, AT, KEY_ID, SECRET, "us-east-1", "service")
    assert signed["X-Amz-Date"] == "20150830T123600Z"
    assert signed["Authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
    )
    assert signed["Authorization"].endswith(f", Signature={expected}")
    assert SECRET not in str(signed)
