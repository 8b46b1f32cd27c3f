"""What the station knows of the application that runs on a kind of camera, so that it can be asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApplicationRule:
    """An application that speaks the OpenMV protocol.

    `sensor_ids` are the image sensors that this kind of camera is built with. `firmware_image` is the partition whose
    image has the label that the application shows, `files_image` the one whose files it shows in `files_folder`,
    `second_core` the one whose firmware the application can start.
    """

    sensor_ids: tuple[int, ...]
    firmware_image: str
    files_image: str
    files_folder: str
    second_core: str
