"""Read the two kinds of container file that we write, strictly: what these parsers do not know, they refuse."""

import json
import re
import shlex
from dataclasses import dataclass, field

Yaml = dict[str, "Yaml"] | list[str] | str


class Unreadable(ValueError):
    """The file uses something that the parser does not know; the message names the line."""


def parse_yaml(text: str) -> Yaml:
    """Read the subset of YAML that our compose files keep to: maps, lists of scalars, two spaces a level."""
    lines = [
        (number, len(line) - len(line.lstrip()), line.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    value, rest = _block(lines, 0)
    if rest:
        raise Unreadable(f"line {rest[0][0]}: unexpected indentation")
    return value


Line = tuple[int, int, str]


def _block(lines: list[Line], indent: int) -> tuple[Yaml, list[Line]]:
    if lines and lines[0][2].startswith("- "):
        items: list[str] = []
        while lines and lines[0][1] == indent and lines[0][2].startswith("- "):
            items.append(_scalar(lines[0][0], lines[0][2][2:]))
            lines = lines[1:]
        return items, lines
    found: dict[str, Yaml] = {}
    while lines and lines[0][1] == indent:
        number, _, content = lines[0]
        match = re.fullmatch(r"([A-Za-z0-9_.-]+):(?: (.+))?", content)
        if match is None or match[1] in found:
            raise Unreadable(f"line {number}: {content}")
        lines = lines[1:]
        if match[2] is not None:
            found[match[1]] = _scalar(number, match[2])
        elif lines and lines[0][1] > indent:
            if lines[0][1] != indent + 2:
                raise Unreadable(f"line {lines[0][0]}: two spaces a level")
            found[match[1]], lines = _block(lines, indent + 2)
        else:
            found[match[1]] = ""
    return found, lines


def _scalar(number: int, text: str) -> str:
    if text.startswith('"') and text.endswith('"') and text.count('"') == 2:
        return text[1:-1]
    if text[0] in "&*!|>{[%@`'\"" or " #" in text or ": " in text:
        raise Unreadable(f"line {number}: {text}")
    return text


@dataclass
class Stage:
    """One FROM of a Dockerfile with what follows it."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def of(self, instruction: str) -> list[str]:
        return [rest for name, rest in self.steps if name == instruction]


_INSTRUCTIONS = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "RUN", "STOPSIGNAL", "USER", "WORKDIR"}


def parse_dockerfile(text: str) -> list[Stage]:
    """Split into stages. raises Unreadable on an instruction that is none, or one before the first FROM."""
    stages: list[Stage] = []
    for number, line in enumerate(text.replace("\\\n", " ").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name))
        elif instruction in _INSTRUCTIONS and stages:
            stages[-1].steps.append((instruction, rest))
        else:
            raise Unreadable(f"line {number}: {line}")
    return stages


def copied(step: str) -> tuple[str | None, list[str], str]:
    """Take a COPY apart: the stage it copies from (None: the checkout), its sources and its target."""
    words = shlex.split(step)
    stage = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
    return stage, words[:-1], words[-1]


def exec_form(step: str) -> list[str]:
    """Read the JSON form of CMD and ENTRYPOINT: the only one in which a signal reaches the program."""
    words = json.loads(step)
    if not isinstance(words, list):
        raise Unreadable(step)
    return [str(word) for word in words]
