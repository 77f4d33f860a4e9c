from __future__ import annotations

import json
from pathlib import Path

from tests.controller.cli.conftest import Shell

SETTINGS = {
    "read": {"url": "http://127.0.0.1:1/prompts/${name}/${pointer}", "path": "$.version"},
    "write": {"method": "PUT", "url": "http://127.0.0.1:1/prompts/${name}/${pointer}/${version}"},
}


def test_a_registry_is_connected_tried_changed_and_forgotten(ada: Shell, tmp_path: Path) -> None:
    file = tmp_path / "registry.json"
    file.write_text(json.dumps({"kind": "http", "settings": SETTINGS}))
    assert ada.ok("registry", "connect", "prompts", str(file)) == "prompts: http\n"
    assert ada.ok("registry", "list").split() == ["prompts", "http"]
    assert ada.read("registry", "test", "prompts", "answer", "production")["version"] is None
    file.write_text(json.dumps({"settings": {**SETTINGS, "auth": "none"}}))
    assert ada.read("registry", "change", "prompts", str(file))["settings"]["auth"] == "none"
    assert ada.ok("registry", "disconnect", "prompts") == "prompts is disconnected\n"
    assert "not_found" in ada.refused("registry", "disconnect", "prompts")
