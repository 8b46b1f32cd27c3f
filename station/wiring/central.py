"""The database of all stations, beside a line: what it records is sent there."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from station.wiring.virtual_log import is_virtual

if TYPE_CHECKING:
    from station.ledger.shipper import Pusher, Shipper
    from station.settings import Settings


def shipper_for(settings: Settings, opened: ExitStack) -> Shipper | None:
    """What sends the log, to be started once the log is there; None where the configuration names no centre.

    It is closed with `opened`: enter it before the log's recorder, so that what that writes last is sent too.
    """
    if not settings.central_url:
        return None
    from station.ledger.shipper import Shipper

    shipper = Shipper(pusher_for(settings))
    opened.callback(shipper.close)
    return shipper


def pusher_for(settings: Settings, *, connect_s: int | None = None) -> Pusher:
    """What sends the log by hand. `connect_s`: how long a connection may take, in whole seconds."""
    from station.ledger.central import CONNECT_S
    from station.ledger.shipper import Pusher

    folder, url = settings.data_dir, settings.central_url
    virtual = is_virtual(folder)
    return Pusher(folder, settings.station_id, url, virtual=virtual, connect_s=connect_s or CONNECT_S)
