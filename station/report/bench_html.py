"""The report of a qualified bench as one HTML file, to be mailed: nothing in it is loaded from anywhere."""

from __future__ import annotations

import json

from station.qualification.bench_report import BenchReport
from station.report.html_report import environment

TEMPLATE = "bench.html.j2"


def bench_html(report: BenchReport) -> str:
    """The whole page. Its data stand in it once more, as JSON."""
    return environment().get_template(TEMPLATE).render(report=report, data=report.to_json())


def bench_json(report: BenchReport) -> str:
    """The report as one JSON document."""
    return json.dumps(report.to_json(), indent=2) + "\n"


def bench_text(report: BenchReport) -> str:
    """The report in short, for a terminal."""
    verdict = "qualified" if report.qualified else "NOT qualified"
    count = len(report.slots)
    lines = [f"{verdict}: {count} {'slot' if count == 1 else 'slots'}, bundle {report.about.bundle}"]
    for slot in report.slots:
        write, read, boot = slot.write_mib_per_s.median, slot.read_mib_per_s.median, slot.boot_s.most
        lines.append(
            f"{slot.slot:<10} {slot.passed} of {slot.runs} passed"
            f"  write {_shown(write)} MiB/s  read {_shown(read)} MiB/s  boot at most {_shown(boot)} s"
            f"  returns {slot.returns}  losses {slot.losses}"
        )
    lines += [f"look at: {text}" for text in report.complaints]
    for belief in report.beliefs:
        lines.append(f"{belief.name} (expected: {belief.expected}): {belief.result}")
    for each in report.learned:
        if each.differs:
            lines.append(f"learned: {each.key} = {each.suggested_text} (now {each.now_text}): {each.why}")
    return "\n".join(lines) + "\n"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
