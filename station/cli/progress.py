"""Progress of a headless line on a terminal: one bar a slot, pulled from the newest states."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from station.model.slots import SlotState, SlotView

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

PULLS_PER_S = 5
SHOWN = (SlotState.HOLDING, SlotState.WAITING, SlotState.RUNNING, SlotState.RECORDING)


@contextmanager
def progress_bars(views: Callable[[], Sequence[SlotView]]) -> Iterator[None]:
    """Show bars on stderr while the block runs, where stderr is a terminal; else nothing.

    stdout goes on being printed above the bars.
    """
    with _bars(views) if sys.stderr.isatty() else nullcontext():
        yield


@contextmanager
def _bars(views: Callable[[], Sequence[SlotView]]) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TimeElapsedColumn())
    end = threading.Event()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()) as bars:
        thread = threading.Thread(target=_pull, args=(bars, views, end), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(2)


def _pull(bars: Bars, views: Callable[[], Sequence[SlotView]], end: threading.Event) -> None:
    tasks: dict[str, TaskID] = {}
    while not end.wait(1 / PULLS_PER_S):
        shown = {view.port_path: view for view in views() if view.state in SHOWN}
        for port_path in tasks.keys() - shown.keys():
            bars.remove_task(tasks.pop(port_path))
        for port_path, view in shown.items():
            if port_path not in tasks:
                tasks[port_path] = bars.add_task(view.slot, total=None)
            _update(bars, tasks[port_path], view)


def _update(bars: Bars, task: TaskID, view: SlotView) -> None:
    progress = view.progress
    if progress is None or not progress.total_bytes:
        what = progress.phase if progress else str(view.state)
        bars.update(task, description=f"{view.slot:<10} {what:<15}", total=None)
        return
    what = f"{progress.phase} {progress.partition} {progress.image_number}/{progress.image_count}"
    description = f"{view.slot:<10} {what:<15}"
    bars.update(task, description=description, completed=progress.done_bytes, total=progress.total_bytes)
