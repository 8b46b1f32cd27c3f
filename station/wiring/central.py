"""The database of all stations, beside a line: what it records is sent there, and its interlock asks there too."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from station.control.wire import CentralLag
from station.line.setup import AskElsewhere, WithOthers, nobody_else
from station.model.events import UnitHistory
from station.model.two_histories import of_both
from station.problem import sentence
from station.wiring.virtual_log import is_virtual

if TYPE_CHECKING:
    from station.ledger.shipper import Pusher, Shipper
    from station.ledger.shipping_state import ShippingState
    from station.settings import Settings

NOT_ASKED = sentence("the central log was not asked: it did not answer in time")


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


def lag_of(state: ShippingState) -> CentralLag:
    """How far the centre is behind, as screens show it."""
    return CentralLag(state.waiting, away=state.code is not None)


def pusher_for(settings: Settings, *, connect_s: int | None = None) -> Pusher:
    """What sends the log by hand. `connect_s`: how long a connection may take, in whole seconds."""
    from station.ledger.central import CONNECT_S
    from station.ledger.shipper import Pusher

    folder, url = settings.data_dir, settings.central_url
    virtual = is_virtual(folder)
    return Pusher(folder, settings.station_id, url, virtual=virtual, connect_s=connect_s or CONNECT_S)


def asked_elsewhere(settings: Settings, opened: ExitStack) -> AskElsewhere:
    """How the other stations' runs of a unit are asked for, where the configuration names a centre."""
    if not settings.central_url or not settings.central.ask_s:
        return nobody_else
    from station.ledger.central_history import CentralHistory

    centre = CentralHistory(settings.central_url, settings.central.ask_s)
    centre.start()
    opened.callback(centre.close)

    def ask(serial: str, batch: str | None) -> WithOthers:
        question = centre.begin(serial, batch)

        def with_others(own: UnitHistory) -> UnitHistory:
            found = question.answer()
            if found.history is None:
                known = replace(own, notes=(*own.notes, NOT_ASKED))
            else:
                known = of_both(own, found.history)
            return replace(known, central_wait_s=found.waited_s)

        return with_others

    return ask
