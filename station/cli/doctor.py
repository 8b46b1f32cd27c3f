"""`station doctor`: what is wrong with this machine, and the command that fixes it."""

from __future__ import annotations

from station.cli.options import ConfigOption, DataDirOption, JsonOption, new_app
from station.cli.output import print_json, print_line

app = new_app("What is wrong with this machine, and the command that fixes it.")


@app.command(epilog="Example: station doctor --json")
def doctor(config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """Look at everything that a station needs. Exit code 0 if all is well, else that of the first thing that is not."""
    from station.cli.doctor_checks import examine

    findings = examine(config, data_dir)
    broken = [finding for finding in findings if not finding.ok]
    if as_json:
        print_json({"ok": not broken, "checks": [finding.to_json() for finding in findings]})
    else:
        for finding in findings:
            print_line(f"{'ok   ' if finding.ok else 'WRONG'} {finding.name}: {finding.found}")
            if not finding.ok:
                print_line(f"      {finding.fix}")
    return broken[0].exit_code if broken else 0
