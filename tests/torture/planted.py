"""Defects that are planted into a copy of the station: the torture test has to find each."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]

DEFECTS = {
    "verify off": (
        "flash/images.py",
        "            if wrong:\n                self._refuse(wrong)\n",
        "            self.readback_sha256 = self._plan.sha256\n",
    ),
    "green before commit": (
        "ledger/recorder.py",
        "            stored = self._transact(partial(transactions.put_run, run=run, sinks=self._sinks), run)\n",
        "            stored = run\n"
        "            threading.Timer(0.5, self._transact, [partial(transactions.put_run, run=run)]).start()\n",
    ),
    "a pull is forgotten": (
        "line/transitions.py",
        "    if isinstance(event, Arrived) and slot.device is not None:\n        if _same_enumeration(slot, event):\n",
        "    if isinstance(event, Left):\n"
        "        return slot, ()\n"
        "    if isinstance(event, Arrived) and slot.device is not None:\n"
        "        from dataclasses import replace\n"
        "        known, slot = slot.device, replace(slot, device=None)\n"
        "        if known.product_id == event.device.product_id:\n",
    ),
    "the opening is not logged": (
        "ledger/recorder.py",
        "            stored = self._transact(partial(transactions.put_run, run=run), is_result=False)\n",
        "            stored = run\n",
    ),
    "already passed from the log alone": (
        "flash/attempt.py",
        "        holds = holds_images(self.session, self.plan.images, self.notes)",
        "        holds = True",
    ),
    "a journal is replayed twice": (
        "ledger/journal_replay.py",
        "    refused += sum(not _is_taken(run, transact, failed) for run in content.runs)\n",
        "    from dataclasses import replace\n"
        "    from station.model.ids import new_id\n"
        "    again = [replace(run, run_id=new_id(), attempts=()) for run in (*content.waiting, *content.runs)]\n"
        "    runs = [*content.runs, *again]\n"
        "    refused += sum(not _is_taken(run, transact, failed) for run in runs)\n",
    ),
    "open runs stay open": (
        "ledger/transactions.py",
        "    if not rows:\n        return 0",
        "    return 0",
    ),
}
"""What each changes: a file of `station`, a text in it, what stands there instead."""


def plant(name: str, folder: Path) -> Path:
    """A copy of the station with this defect; the folder to put first on the path."""
    file, sound, broken = DEFECTS[name]
    shutil.copytree(ROOT / "station", folder / "station", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "migrations", folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    target = folder / "station" / file
    text = target.read_text()
    assert text.count(sound) == 1, f"{file} has the text {text.count(sound)} times: {sound!r}"
    target.write_text(text.replace(sound, broken))
    return folder
