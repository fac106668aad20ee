"""The container files, as far as a parser can check them: no engine runs here, and the README says so."""

import re
import subprocess
import sys
from typing import cast

import pytest

from tests.architecture.lints import CHECKOUT
from tests.ground.container_files import Unreadable, Yaml, copied, exec_form, parse_dockerfile, parse_yaml

DOCKER = CHECKOUT / "docker"
COMPOSE_FILES = sorted(DOCKER.glob("compose.*.yaml"))
SERVING = {"web", "worker", "scheduler"}


def services(name: str) -> dict[str, dict[str, Yaml]]:
    parsed = parse_yaml((DOCKER / name).read_text())
    assert isinstance(parsed, dict)
    return cast("dict[str, dict[str, Yaml]]", parsed["services"])


def test_every_copied_path_exists_and_every_stage_is_known() -> None:
    known: dict[str, str] = {}
    for stage in parse_dockerfile((DOCKER / "Dockerfile").read_text()):
        for step in stage.of("COPY"):
            source_stage, sources, _ = copied(step)
            if source_stage is not None:
                assert source_stage in known
                continue
            for source in sources:
                assert (CHECKOUT / source).exists(), source
        known[stage.name] = stage.base
    assert all(":" in base and not base.endswith(":latest") for base in known.values())


def test_the_image_runs_modori_as_nobody_special() -> None:
    last = parse_dockerfile((DOCKER / "Dockerfile").read_text())[-1]
    assert exec_form(last.of("ENTRYPOINT")[0]) == ["modori"]
    assert exec_form(last.of("CMD")[0])[0] in SERVING
    user = last.of("USER")[-1].split(":")[0]
    assert user.isdigit()
    assert int(user) > 0


def test_no_file_that_a_build_needs_is_ignored() -> None:
    ignored = (CHECKOUT / ".dockerignore").read_text().split()
    for stage in parse_dockerfile((DOCKER / "Dockerfile").read_text()):
        for step in stage.of("COPY"):
            source_stage, sources, _ = copied(step)
            assert source_stage is not None or not set(sources) & set(ignored)


@pytest.mark.parametrize("name", [path.name for path in COMPOSE_FILES])
def test_each_service_runs_a_known_command_after_what_it_needs(name: str) -> None:
    found = services(name)
    ours = {service: told for service, told in found.items() if told["image"] == "modori"}
    by_hand = {service for service, told in ours.items() if "profiles" in told}
    assert by_hand == {"modori"}  # `run --rm modori COMMAND`
    assert SERVING <= set(ours) - by_hand <= SERVING | {"migrate"}
    for service, told in ours.items():
        assert told["command"] == ("settings" if service in by_hand else service)
        is_owner = service in by_hand | {"migrate"}
        assert told["env_file"] == (["modori.env", "modori.owner.env"] if is_owner else "modori.env")
    for told in found.values():
        needs = told.get("depends_on", {})
        assert isinstance(needs, dict)
        for needed, how in needs.items():
            assert isinstance(how, dict)
            assert needed in found
            assert how["condition"] != "service_healthy" or "healthcheck" in found[needed]


def test_one_machine_has_its_engines_and_publishes_to_the_loopback_only() -> None:
    found = services("compose.single.yaml")
    assert {"postgres", "valkey"} <= set(found)
    ports = [port for told in found.values() for port in cast("list[str]", told.get("ports", []))]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "18" in str(found["postgres"]["image"])  # the same major version as everywhere else


@pytest.mark.parametrize("name", ["modori.env.example", "modori.owner.env.example"])
def test_the_examples_name_only_settings_that_exist(name: str) -> None:
    from modori.entrypoints.settings import Settings  # here: the other tests of this file need no package

    known = {f"MODORI_{name.upper()}" for name in Settings.model_fields}
    lines = (DOCKER / name).read_text().splitlines()
    named = {line.split("=")[0] for line in lines if line and not line.startswith("#")}
    assert named <= known


def test_modori_knows_every_command_that_a_container_runs() -> None:
    said = subprocess.run([sys.executable, "-m", "modori.entrypoints.cli", "--help"], capture_output=True, text=True)
    for command in (*SERVING, "migrate", "settings", "init"):
        assert re.search(rf"^    {command}\s", said.stdout, re.MULTILINE), command


@pytest.mark.parametrize("text", ["a: &x 1", "a:\n   b: 1", "a: 1\na: 2", "just words", "a: [1]", "a: 1\n  b: 2"])
def test_the_parser_refuses_what_it_does_not_know(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_yaml(text)
