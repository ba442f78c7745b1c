"""What packages bring beside the program: units, pages, completion, examples; each judged by the tool that reads it."""

from __future__ import annotations

import configparser
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distribution import completion, configuration, manual, project

from catflap.agent.config import resolve
from catflap.agent.parameters import PARAMETERS
from catflap.cli.stores import local_sources
from catflap.lab.agent import AgentProcess
from catflap.lab.namespaces import Lab

SERVICES = ("catflap.service", "catflap-boot.service")
MOST_EXPOSURE = 30  # tenths, of 100


def run(*command: str | Path, stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a command that exists here, and without the pages, which are not installed here."""
    for name in SERVICES:
        text = (project.FILES / "systemd" / name).read_text()
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(text.replace("@BIN@/catflap", "/bin/true"))
    return tmp_path


def test_systemd_finds_nothing_wrong_with_the_units(units: Path) -> None:
    assert run("systemd-analyze", "verify", *(units / name for name in SERVICES)) == ""


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_hardened(units: Path, name: str) -> None:
    judged = run("systemd-analyze", "security", "--offline=yes", f"--threshold={MOST_EXPOSURE}", units / name)
    assert "Overall exposure level" in judged


def test_a_unit_without_its_hardening_would_be_found(units: Path) -> None:
    text = (units / SERVICES[0]).read_text()
    (units / "bare.service").write_text(
        re.sub(r"^(Protect|System|Restrict).*\n", "", text, flags=re.MULTILINE)
    )
    command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={MOST_EXPOSURE}"]
    done = subprocess.run([*command, str(units / "bare.service")], capture_output=True, check=False)
    assert done.returncode != 0


@pytest.mark.parametrize("name", manual.pages())
def test_a_page_renders_without_a_warning_and_says_what_it_is(tmp_path: Path, name: str) -> None:
    page = tmp_path / name
    page.write_text(manual.pages()[name])
    done = subprocess.run(
        ["man", "--warnings", "-l", page],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.stderr == ""
    assert re.search(r"NAME\n +\S+ +- +\S+", done.stdout), done.stdout
    assert "SEE ALSO" in done.stdout


def test_every_command_has_a_page() -> None:
    text = manual.pages()["catflap.8"]
    named = set(re.findall(r"^\.BR (catflap\\-\S+) \(8\)", text, re.MULTILINE))
    assert {f"{each.replace(chr(92), '')}.8" for each in named} <= manual.pages().keys()
    assert {"catflap-agent.8", "catflap-boot.8", "catflap-lab-demo.8"} <= manual.pages().keys()


def test_lines_of_a_page_that_begin_like_requests_are_text() -> None:
    assert manual._roff(".so /etc/passwd") == "\\&.so /etc/passwd"
    assert manual._roff("a-b 'c' \\d") == "a\\-b \\(aqc\\(aq \\ed"
    assert manual._roff("a…é") == "a...\\[u00E9]"


@pytest.fixture
def scripts(tmp_path: Path) -> dict[str, Path]:
    made = {}
    for name, text in completion.scripts().items():
        path = tmp_path / Path(name).name
        path.write_text(text)
        made[name.partition("/")[0]] = path
    return made


def test_bash_completes_verbs(scripts: dict[str, Path]) -> None:
    complete = "$(complete -p catflap | sed 's/.*-F \\([^ ]*\\) .*/\\1/') catflap ap catflap"
    ask = f"COMP_WORDS=(catflap ap); COMP_CWORD=1; {complete}; echo ${{COMPREPLY[@]}}"
    script = f"source {scripts['bash-completion']}; {ask}"
    assert run("bash", "-c", script).split() == ["apply"]


def test_fish_completes_verbs(scripts: dict[str, Path]) -> None:
    assert "apply" in run("fish", "--no-config", "-c", f"source {scripts['fish']}; complete -C 'catflap ap'")


def test_zsh_takes_its_completion(scripts: dict[str, Path]) -> None:
    assert run("zsh", "-n", scripts["zsh"]) == ""
    assert scripts["zsh"].read_text().startswith("#compdef catflap")


def test_the_example_of_the_configuration_names_every_parameter_with_what_holds_anyway(
    tmp_path: Path,
) -> None:
    text = configuration.example()
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    assert not parser.items("global")  # all of it is comment
    hostname = PARAMETERS["felixhostname"].default()
    text = text.replace("<the name of this host>", hostname)
    lines = re.findall(r"^# (\w+) = (.*)$", text, re.MULTILINE)
    assert [name for name, _ in lines] == [each.name for each in PARAMETERS.values()]
    given = "".join(f"{name} = {value}\n" for name, value in lines if value)
    (tmp_path / "felix.cfg").write_text(f"[global]\n{given}")
    current, warnings = resolve(local_sources(tmp_path / "felix.cfg"))
    assert warnings == []
    assert {name: current[name] for name, _ in lines} == {
        each.name: each.default() for each in PARAMETERS.values()
    }


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentProcess]:
    """An agent that waits for a store, and says so in its log every few seconds."""
    with Lab() as lab:
        (namespace,) = lab.add("bare")
        environment = {"FELIX_DATASTORETYPE": "directory", "FELIX_DATASTOREPATH": str(tmp_path / "nothing")}
        made = AgentProcess(namespace, tmp_path / "log" / "felix.log", environment)
        made.start()
        yield made
        made.stop()


def test_the_agent_goes_on_in_the_new_file_after_a_rotation(agent: AgentProcess, tmp_path: Path) -> None:
    agent.wait_for("wait-for-ready")
    log = tmp_path / "log" / "felix.log"
    rules = tmp_path / "logrotate"
    rules.write_text((project.FILES / "logrotate").read_text().replace("/var/log/calico", str(log.parent)))
    log.parent.chmod(0o755)
    run("logrotate", "--force", "--state", tmp_path / "state", rules)
    assert log.with_name("felix.log.1").exists()
    for _ in range(200):
        if log.exists() and "Still in state wait-for-ready" in log.read_text():
            break
        time.sleep(0.1)
    assert "Still in state wait-for-ready" in log.read_text()


def test_tmpfiles_are_understood(tmp_path: Path) -> None:
    rules = project.FILES / "tmpfiles.conf"
    run("systemd-tmpfiles", "--create", f"--root={tmp_path}", "--prefix=/var/lib/catflap", rules)
    assert (tmp_path / "var/lib/catflap").stat().st_mode & 0o777 == 0o700


def test_a_missing_tool_is_named_with_what_installs_it() -> None:
    with pytest.raises(project.BuildError, match="no-such-tool is not installed: run 'scripts/setup dist'"):
        project.run("no-such-tool")
