"""Run one command under a kernel that has a real USB stack, udev and USB/IP host controllers, at native speed.

``python -m tests.rig.guest -- lsusb`` is all it takes. The guest is a User-Mode Linux kernel, an ordinary process: its
root is the machine's own root folder, read-only under a layer that is thrown away, so whatever the guest changes in it
(a udev rule, an account) the machine never sees. Only the scratch folder is written through. The command's output and
exit code are passed on. One guest runs one command, so that nothing of an earlier one is left behind: a caller with
much to do starts one process that does it all. It has one processor; ``--emulated`` has two.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig.control import command_script, compile_checkout, prepare
from tests.rig.emulated import run_emulated
from tests.rig.host import HostError, find, install
from tests.rig.share import CHECKOUT, Share, all_shares
from tests.rig.uml_kernel import ensure_kernel
from tests.rig.watch import DEFAULT_TIMEOUT_S, GuestError, GuestResult, Watch, started

MEMORY_MIB = 3072
"""Taken as it is touched, and given back at the end."""

_INIT = Path(__file__).with_name("uml_init.sh")
_HIDDEN = (Path("/tmp"), Path("/run"), Path("/dev"))
"""Folders of which the guest has its own."""
_PROGRAMS = {"dfu-util": "dfu-util", "udevadm": "udev", "runuser": "util-linux", "ip": "iproute2"}
_UDEVD = Path("/lib/systemd/systemd-udevd")


def run_in_guest(
    command: Sequence[str],
    scratch: Path,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    *,
    shares: Sequence[Share] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path = CHECKOUT,
    memory_mib: int = MEMORY_MIB,
    echo: bool = False,
) -> GuestResult:
    """Boot a guest, run ``command`` in it as root, and give its output and exit code.

    ``scratch`` is the one folder that the command can write for the machine to read (``STATION_RIG_SCRATCH`` names it);
    ``shares`` add others. ``timeout_s`` is the command's, the boot has its own. With ``echo`` the output is passed on
    as it comes. Raises HostError when no guest can be made here, GuestError when it died and GuestTimeoutError when it
    had to be killed; a command that fails is a result like any other.
    """
    _ensure_programs()
    kernel = ensure_kernel()
    scratch.mkdir(parents=True, exist_ok=True)
    mounts = all_shares(scratch, shares)
    compile_checkout()
    with tempfile.TemporaryDirectory(prefix="rig-") as name:
        control = Path(name)
        prepare(control, _INIT, command_script(command, cwd, scratch, env or {}))
        (control / "shares").write_text("".join(f"{share.mode} {share.path}\n" for share in mounts if _missing(share)))
        with started(_kernel_command(kernel, control, memory_mib), control / "log") as process:
            return Watch(control, process, timeout_s, echo).until_done()


def _ensure_programs() -> None:
    needed = [package for program, package in _PROGRAMS.items() if not find(program)]
    install([*needed, *([] if _UDEVD.exists() else ["udev"])])


def _missing(share: Share) -> bool:
    """Whether the guest lacks a folder although it has the machine's root."""
    return share.writable or any(share.path.is_relative_to(folder) for folder in _HIDDEN)


def _kernel_command(kernel: Path, control: Path, memory_mib: int) -> list[str]:
    """In a process namespace of its own: a guest's processes are the machine's too, and go on where their kernel dies.

    There is no limit of the boot here and none of the command: they are the watcher's.
    """
    contained = ["unshare", "--pid", "--fork", "--kill-child=KILL"]
    if os.geteuid() != 0:
        contained += ["--user", "--map-root-user"]
    boot = [f"mem={memory_mib}M", "root=none", "rootfstype=hostfs", "ro", f"init={control / _INIT.name}"]
    console = ["con=null", "con0=null,fd:1", "quiet", "panic=-1"]
    named = ["umid=guest", f"uml_dir={control}", f"RIG_CONTROL={control}"]
    memory = ["env", f"TMPDIR={_memory_folder(control, memory_mib)}"]
    return ["setpriv", "--pdeathsig", "KILL", *contained, *memory, str(kernel), *boot, *console, *named]


def _memory_folder(control: Path, memory_mib: int) -> Path:
    """Where the guest's memory lies: an executable file, in memory unless a container allows too little of it."""
    folder = Path("/dev/shm")
    if not folder.is_dir():
        return control
    found = os.statvfs(folder)
    enough = found.f_bavail * found.f_frsize >= memory_mib << 20
    return folder if enough and not found.f_flag & os.ST_NOEXEC else control


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.rig.guest",
        description="Run a command in the rig's guest, as root, with the checkout at the same path.",
        epilog="example: python -m tests.rig.guest --scratch /tmp/out -- python -m tests.rig.inside faults",
    )
    parser.add_argument("--emulated", action="store_true", help="Debian's own kernel on two emulated processors")
    parser.add_argument("--scratch", type=Path, help="read-write folder (default: a temporary one, thrown away)")
    parser.add_argument("--share", type=Path, action="append", default=[], help="one more read-only folder")
    parser.add_argument("--share-rw", type=Path, action="append", default=[], help="one more read-write folder")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for the command")
    parser.add_argument("--cwd", type=Path, default=CHECKOUT, help="the command's folder in the guest")
    parser.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT_S, help="seconds for the command")
    parser.add_argument("--timings", action="store_true", help="say on stderr how long boot and command took")
    parser.add_argument("command", nargs="+", help="after --; the word python is the interpreter running this")
    return parser


def main() -> int:
    """Run the guest's command; the rig's own failures have an exit code of their own (125), as in ``docker run``."""
    arguments = _parser().parse_args()
    try:
        with contextlib.ExitStack() as stack:
            scratch = arguments.scratch or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rig-scratch-")))
            result = _run(arguments, scratch)
    except (GuestError, HostError, NotADirectoryError) as error:
        print(f"rig: {error}", file=sys.stderr)
        return 125
    except KeyboardInterrupt:
        return 130
    if arguments.timings:
        print(f"rig: boot {result.boot_s:.1f} s, all {result.total_s:.1f} s", file=sys.stderr)
    return result.exit_code


def _run(arguments: argparse.Namespace, scratch: Path) -> GuestResult:
    """Translate the command line. The command finds its writable folder in ``STATION_RIG_SCRATCH``."""
    shares = [Share(path.resolve()) for path in arguments.share]
    shares += [Share(path.resolve(), writable=True) for path in arguments.share_rw]
    program, *rest = arguments.command
    return (run_emulated if arguments.emulated else run_in_guest)(
        [sys.executable if program == "python" else program, *rest],
        scratch,
        arguments.timeout,
        shares=shares,
        env=dict(pair.split("=", 1) for pair in arguments.env),
        cwd=arguments.cwd.resolve(),
        echo=True,
    )


if __name__ == "__main__":
    sys.exit(main())
