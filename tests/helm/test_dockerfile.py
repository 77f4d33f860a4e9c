"""Facts about the image, read from the Dockerfile, because tests run where there is no container engine."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name in capitals and everything after it, with continued lines joined."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)


def parse_dockerfile(text: str) -> list[Instruction]:
    """The instructions in order. Comments go, even between continued lines, as in Docker itself."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    pairs = [line.strip().partition(" ") for line in joined.splitlines()]
    return [Instruction(name.upper(), rest.strip()) for name, _, rest in pairs]


def stages(instructions: list[Instruction]) -> list[list[Instruction]]:
    """The instructions of each stage, each beginning with its FROM."""
    starts = [index for index, instruction in enumerate(instructions) if instruction.name == "FROM"]
    return [instructions[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def pattern_to_regex(pattern: str) -> str:
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meaning.get(token, re.escape(token)) for token in tokens)


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore keeps a path out: the last pattern that fits it or a folder above it decides."""
    ignored = False
    for pattern in patterns:
        if re.fullmatch(pattern_to_regex(pattern.removeprefix("!")) + "(?:/.*)?", path):
            ignored = not pattern.startswith("!")
    return ignored


INSTRUCTIONS = parse_dockerfile((ROOT / "Dockerfile").read_text())
FINAL = stages(INSTRUCTIONS)[-1]
IGNORE = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]


def last(name: str) -> Instruction:
    return [instruction for instruction in FINAL if instruction.name == name][-1]


def copied_from_the_repository() -> list[str]:
    copies = [i.words for i in INSTRUCTIONS if i.name in ("COPY", "ADD") and "--from=" not in i.text]
    return [source for words in copies for source in words[:-1] if not source.startswith("--")]


def variables() -> dict[str, str]:
    pairs = [word.partition("=") for i in INSTRUCTIONS if i.name in ("ENV", "ARG") for word in i.words]
    return {name: value for name, _, value in pairs}


def test_the_image_is_built_in_more_than_one_stage_from_a_slim_python() -> None:
    assert len(stages(INSTRUCTIONS)) == 3
    assert variables()["PYTHON_IMAGE"].startswith("python:3.13-slim")
    assert all(stage[0].text.startswith("${PYTHON_IMAGE}") for stage in stages(INSTRUCTIONS))


def test_the_image_runs_as_a_numbered_user_that_is_not_root() -> None:
    user, _, group = last("USER").text.partition(":")
    assert (int(user), int(group)) == (10001, 10001)


def test_no_variable_of_the_image_holds_a_secret() -> None:
    secret = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)$")
    assert [name for name in variables() if secret.search(name)] == []
    assert [value for value in variables().values() if re.search(r"://[^/@]*:[^/@]*@", value)] == []


@pytest.mark.parametrize("source", copied_from_the_repository())
def test_every_copied_source_exists_and_is_not_ignored(source: str) -> None:
    found = [path.relative_to(ROOT).as_posix() for path in ROOT.glob(source)]
    assert found or "*" in source
    assert [path for path in found if is_ignored(path, IGNORE)] == []


def test_no_python_file_of_a_copied_folder_is_ignored() -> None:
    folders = [ROOT / source for source in copied_from_the_repository() if (ROOT / source).is_dir()]
    files = [path.relative_to(ROOT).as_posix() for folder in folders for path in folder.rglob("*.py")]
    assert [path for path in files if "/." not in path and is_ignored(path, IGNORE)] == []


def test_everything_the_service_is_made_of_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert set(parts) | {"sdk", "pyproject.toml", "requirements/run.lock"} <= set(
        copied_from_the_repository()
    )


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "tests/a.py",
        "var/headgate.db",
        "sdk/.env",
        "key.pem",
    ],
)
def test_nothing_else_enters_the_build(path: str) -> None:
    assert is_ignored(path, IGNORE)


def test_dependencies_are_installed_by_hash_and_never_compiled() -> None:
    install = next(i.text for i in INSTRUCTIONS if i.name == "RUN" and "run.lock" in i.text)
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install


def test_the_final_stage_neither_installs_nor_compiles() -> None:
    commands = " ".join(i.text for i in FINAL if i.name == "RUN")
    assert not re.search(r"\b(apt-get|apt|gcc|make|curl|wget)\b|pip install", commands)
    assert "pip uninstall" in commands


def test_the_image_serves_on_8080_and_says_whether_it_is_alive() -> None:
    assert last("EXPOSE").text == "8080"
    assert variables()["HEADGATE_PORT"] == "8080"
    assert variables()["HEADGATE_HOST"] == "0.0.0.0"
    assert json.loads(last("ENTRYPOINT").text) == ["headgate"]
    assert json.loads(last("CMD").text) == ["serve"]


def test_the_health_check_is_python_that_asks_livez() -> None:
    command = json.loads(last("HEALTHCHECK").text.partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "HEALTHCHECK", "exec")
    assert "'/livez'" in command[2]


def test_the_labels_describe_the_image() -> None:
    labels = dict(word.split("=", 1) for i in FINAL if i.name == "LABEL" for word in i.words)
    names = ("title", "description", "licenses", "version", "revision")
    assert {f"org.opencontainers.image.{name}" for name in names} == set(labels)
    assert (
        variables()["VERSION"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    )


def test_the_parser_joins_continued_lines_and_drops_comments() -> None:
    text = "# a\nFROM x AS y\nRUN a \\\n  # b\n  && c\n"
    assert parse_dockerfile(text) == [
        Instruction("FROM", "x AS y"),
        Instruction("RUN", "a    && c"),
    ]


def test_the_last_fitting_ignore_pattern_decides() -> None:
    patterns = ["*", "!sdk", "**/*.pyc"]
    assert is_ignored("docs/a.md", patterns)
    assert not is_ignored("sdk/headgate/a.py", patterns)
    assert is_ignored("sdk/headgate/a.pyc", patterns)
