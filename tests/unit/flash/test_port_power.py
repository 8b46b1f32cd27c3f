"""The command that cycles a port's power, with a stand-in for uhubctl."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from station.flash.messages import PowerCycled, PowerNotCycled
from station.flash.port_power import cycle_power, power_words

TEMPLATE = "uhubctl -l {hub} -p {port} -a cycle"


@pytest.mark.parametrize(
    ("port_path", "hub", "port"),
    [("1-1.4.2", "1-1.4", "2"), ("1-1.4", "1-1", "4"), ("1-4", "1", "4"), ("12-1.10", "12-1", "10")],
)
def test_the_port_is_named_as_uhubctl_names_it(port_path: str, hub: str, port: str) -> None:
    assert power_words(TEMPLATE, port_path) == ["uhubctl", "-l", hub, "-p", port, "-a", "cycle"]


def test_words_are_kept_together_and_no_shell_reads_them() -> None:
    assert power_words("sh -c 'echo {port_path}; true' $HOME", "1-1.2") == ["sh", "-c", "echo 1-1.2; true", "$HOME"]


def test_the_command_is_run_with_the_port(tmp_path: Path) -> None:
    script = tmp_path / "stand_in.py"
    script.write_text("import sys; open(sys.argv[1], 'w').write(' '.join(sys.argv[2:]))\n")
    template = f"{sys.executable} {script} {tmp_path}/asked -l {{hub}} -p {{port}} -a cycle"
    assert cycle_power(template, "1-1.4") == PowerCycled("1-1.4")
    assert (tmp_path / "asked").read_text() == "-l 1-1 -p 4 -a cycle"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("sh -c 'echo first; echo no compatible hub >&2; exit 3' {port_path}", "sh ended with 3: no compatible hub"),
        ("sh -c 'exit 1' {port_path}", "sh ended with 1 and said nothing"),
        ("/nowhere/uhubctl {port_path}", "/nowhere/uhubctl could not be started: No such file or directory"),
        ("sh -c 'printf \"\\033[2J\\377\"; exit 1' {port_path}", "sh ended with 1: "),
    ],
)
def test_a_command_that_fails_is_one_clean_line(template: str, problem: str) -> None:
    answer = cycle_power(template, "1-1.4")
    assert isinstance(answer, PowerNotCycled)
    assert answer.message.startswith(problem)
    assert answer.message.isprintable()


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started() -> None:
    # The shell waits for its child: to end the shell alone would leave the child, with everything that it has open.
    answer = cycle_power("sh -c 'sleep 1000; true' {port_path}", "1-1.4", limit_s=0.2)
    assert answer == PowerNotCycled("1-1.4", "sh did not end within 0.2 s")
