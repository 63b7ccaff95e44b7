"""Dockerfile, compose.yaml and the systemd unit, as far as that can be known without an engine: linted, valid, true."""

import configparser
import hashlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import jsonschema
import pytest
import yaml

import candlegraph.graph.schema.errors
from candlegraph.freqtrade_bridge.commands.operations.first_config import PORT
from candlegraph.freqtrade_bridge.commands.parser import NAMES, parser
from candlegraph.graph.settings.settings import Settings

ROOT = Path(candlegraph.graph.schema.errors.__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICE = COMPOSE["services"]["candlegraph"]
DEADLINE = Settings().llm_config.decision.deadline_seconds


def hadolint(text):
    words = [str(Path(sys.executable).with_name("hadolint")), "--failure-threshold", "warning", "-"]
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_hadolint_has_nothing_against_the_dockerfile_and_would_say_so():
    assert hadolint(DOCKERFILE) == (0, "")
    status, said = hadolint(DOCKERFILE.replace("python:3.11-slim-bookworm", "python:latest"))
    assert status == 1 and "DL3007" in said


VENDORED = ROOT / "tests" / "vendored"


def schema():
    return json.loads((VENDORED / "compose-spec.json").read_text())


def test_the_vendored_schema_is_the_one_whose_origin_and_licence_stand_beside_it():
    told = (VENDORED / "README.md").read_text()
    digest = hashlib.sha256((VENDORED / "compose-spec.json").read_bytes()).hexdigest()
    assert f"`{digest}`" in told and "Apache-2.0" in told
    assert "Apache License" in (VENDORED / "LICENSE.compose-spec").read_text()


def test_compose_is_valid_by_the_specification_and_a_slip_is_not():
    jsonschema.validate(COMPOSE, schema())
    slip = {"services": {"candlegraph": {key if key != "restart" else "restrat": SERVICE[key] for key in SERVICE}}}
    with pytest.raises(jsonschema.ValidationError, match="restrat"):
        jsonschema.validate(slip, schema())


def test_only_this_machine_reaches_the_port_that_init_writes():
    assert SERVICE["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert re.search(rf"^EXPOSE {PORT}$", DOCKERFILE, re.MULTILINE)


def test_the_container_has_no_rights_one_health_check_and_logs_that_end():
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["1000"]
    check = json.loads(re.search(r"HEALTHCHECK.*?CMD (\[.+?\])", DOCKERFILE, re.DOTALL)[1])
    assert SERVICE["healthcheck"]["test"] == ["CMD", *check]
    assert check == ["candlegraph", "health", "--userdir", "/bot/user_data"]
    assert SERVICE["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert SERVICE["restart"] == "unless-stopped"


def test_the_image_gets_every_package_and_nothing_else_of_the_folder():
    copied = set(re.findall(r"^COPY (\w+)/ ", DOCKERFILE, re.MULTILINE))
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    assert copied == set(listed.values())
    assert not re.search(r"^COPY (\.|user_data)", DOCKERFILE, re.MULTILINE)


def test_an_engine_is_given_what_the_image_gets_and_no_more():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) /src/", DOCKERFILE, re.MULTILINE)
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == {
        name.strip("/") for line in copied for name in line.split()
    }


def words_of_the_container():
    return json.loads(re.findall(r"^CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)[0])


def unit():
    read = configparser.ConfigParser(interpolation=None, strict=False)
    read.optionxform = str
    read.read(ROOT / "deploy" / "candlegraph.service")
    return read["Service"]


@pytest.mark.parametrize(
    "line",
    [
        unit()["ExecStart"],
        unit()["ExecStartPre"],
        shlex.join(["x", *words_of_the_container()]),
        shlex.join(SERVICE["healthcheck"]["test"][1:]),
    ],
)
def test_what_is_started_is_a_command_of_ours(line):
    words = shlex.split(line)[1:]
    assert words[0] in NAMES
    parser(words).parse_args(words)


def test_no_watchdog_and_no_stop_is_shorter_than_a_decision():
    assert int(unit()["WatchdogSec"]) >= 2 * DEADLINE
    assert int(unit()["TimeoutStopSec"]) > DEADLINE
    assert int(SERVICE["stop_grace_period"].removesuffix("s")) > DEADLINE


STUDIO = json.loads((ROOT / "langgraph.json").read_text())


@pytest.fixture(scope="module")
def studios_image(tmp_path_factory):
    """Return the Dockerfile that LangGraph's command makes of our langgraph.json."""
    target = tmp_path_factory.mktemp("image") / "Dockerfile"
    program = str(Path(sys.executable).with_name("langgraph"))
    words = [program, "dockerfile", "-c", str(ROOT / "langgraph.json"), str(target)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return target.read_text()


def test_langgraphs_image_has_a_python_that_we_support_and_serves_graphs_that_are_there(studios_image):
    base, python = re.match(r"FROM (langchain/langgraph-api):(\d+\.\d+)\n", studios_image).groups()
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert base == "langchain/langgraph-api" and supported == f">={python}"
    (folder,) = re.findall(r"^ADD \. (/deps/\S+)$", studios_image, re.MULTILINE)
    served = json.loads(re.search(r"^ENV LANGSERVE_GRAPHS='(.*)'$", studios_image, re.MULTILINE)[1])
    assert set(served) == set(STUDIO["graphs"]) == {"candlegraph", "reflection"}
    for one in served.values():
        file, _, name = one["path"].partition(":")
        code = (ROOT / Path(file).relative_to(folder)).read_text()
        assert re.search(rf"^{name} = ", code, re.MULTILINE) and let_through(str(Path(file).relative_to(folder)))
    assert re.search(r"pip install .*-e \.\)", studios_image) and f"WORKDIR {folder}" in studios_image
    assert not any(name in studios_image for name in ("API_KEY", "SECRET", "TOKEN"))


def let_through(path):
    """Return whether .dockerignore hands a path to the engine: all are ignored but those that it names again."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    return lines[0] == "*" and f"!{path.partition('/')[0]}" in lines


def test_what_the_engine_is_given_installs_with_its_metadata(tmp_path):
    """The build context alone, by setuptools as pip calls it: each package, the texts, name and command are there."""
    given = [path for path in ROOT.iterdir() if let_through(path.name) and path.name != "requirements.lock"]
    for path in given:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(path, tmp_path / path.name, ignore=ignored) if path.is_dir() else shutil.copy(path, tmp_path)
    code = "from setuptools import build_meta as b; print(b.build_wheel('dist'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = (tmp_path / "dist").glob("candlegraph-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        told = next(packed.read(name).decode() for name in names if name.endswith("METADATA"))
    assert {"candlegraph/graph/studio.py", "candlegraph/agents/prompt/texts/decision.en.md"} <= set(names)
    assert "Requires-Dist: langgraph<2,>=1.2" in told and not [name for name in names if ".env" in name]
