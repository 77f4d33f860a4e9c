from __future__ import annotations

import json
from pathlib import Path

from tests.controller.cli.conftest import Shell
from tests.endpoint import replying, serving

ANSWER = {"status": "success", "data": {"resultType": "scalar", "result": [0, "1"]}}


def test_a_source_is_connected_tried_and_changed_and_its_secret_is_never_shown(
    ada: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "metrics.yaml"
    with serving(replying(200, json.dumps(ANSWER).encode())) as endpoint:
        file.write_text(f"url: {endpoint.url}\nauth: {{scheme: bearer, secret: the-secret-token}}\n")
        assert ada.ok("source", "connect", "metrics", "prometheus", "--settings", str(file)) == (
            "metrics: connected (prometheus)\n"
        )
        assert ada.ok("source", "test", "metrics") == "metrics works: it answers queries\n"
        assert endpoint.calls[0].headers["authorization"] == "Bearer the-secret-token"
        listed = ada.ok("source", "list")
        assert '"secret": "***"' in listed
        assert "the-secret-token" not in listed
        file.write_text(f"url: {endpoint.url}\nper_minute: 60\nauth: {{scheme: bearer, secret: '***'}}\n")
        assert ada.ok("source", "change", "metrics", "--settings", str(file)) == "metrics: changed\n"
        assert ada.ok("source", "test", "metrics").startswith("metrics works")
    assert ada.refused("source", "test", "metrics").startswith("Error: metrics does not work: ")


def test_a_secret_is_entered_again_for_another_address(ada: Shell, tmp_path: Path) -> None:
    file = tmp_path / "metrics.yaml"
    file.write_text("url: http://127.0.0.1:1\nauth: {scheme: bearer, secret: the-secret-token}\n")
    ada.ok("source", "connect", "metrics", "prometheus", "--settings", str(file))
    file.write_text("url: http://127.0.0.1:2\nauth: {scheme: bearer, secret: '***'}\n")
    said = ada.refused("source", "change", "metrics", "--settings", str(file))
    assert "settings.auth.secret" in said
    assert "enter it again" in said
