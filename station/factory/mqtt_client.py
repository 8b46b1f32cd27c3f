"""Records published over MQTT 5 with QoS 1: one is delivered when the broker has acknowledged it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from station.clock import monotonic_s
from station.factory.delivery_error import DeliveryError, words_of
from station.factory.link_reason import link_reason
from station.factory.webhook_signature import secret_in
from station.model.ids import new_id
from station.problem import sentence

if TYPE_CHECKING:
    from paho.mqtt.client import Client

PORTS = {"mqtt": 1883, "mqtts": 8883}
FAILED = 0x80
"""Reason codes from here on are failures (MQTT 5, 2.4)."""
UNUSABLE = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x90, 0x9C, 0x9D})
"""Those that say nothing of a record: protocol, client, password, rights, topic, or another server."""
WAITS = frozenset({0x88, 0x89, 0x97, 0x9F})
"""Those that say that the broker has too much to do."""
HEADER_BYTES = 64
"""What a packet has beside its topic and the record, at most."""


LOST = sentence("the connection was lost")


def _refusal(code: Any, *, of_record: bool = True) -> DeliveryError:
    """What the broker's answer to a record, or to the connection, means."""
    text = sentence("the broker refused it: {words}", words=words_of(str(code)))
    if code.value in UNUSABLE:
        return DeliveryError("outbox.unusable", text)
    if code.value in WAITS or not of_record:
        return DeliveryError("outbox.unreachable", text)
    return DeliveryError("outbox.refused", text, refused=True)


class MqttClient:
    """One broker; the connection is made for the first record, and anew where it was lost. For one thread."""

    def __init__(self, url: str, topic: str, timeout_s: float, username: str = "", password_file: str = "") -> None:
        self._place = urlsplit(url)
        self._topic = topic
        self._timeout_s = timeout_s
        self._username = username
        self._password_file = password_file
        self._client: Client | None = None
        self._answered = threading.Condition()
        self._acknowledged: dict[int, Any] = {}
        self._connected: Any = None
        """How the broker answered the connection; None before it has."""
        self._lost = False
        self._largest_bytes: int | None = None
        """The largest packet that the broker takes; None where it said nothing."""

    def publish(self, body: bytes) -> None:
        """Publish one record. DeliveryError `outbox.unreachable`, `outbox.no_answer`, `outbox.refused`."""
        until_s = monotonic_s() + self._timeout_s
        try:
            client = self._client or self._connect(until_s)
            self._publish(client, body, until_s)
        except TimeoutError as error:
            self.close()
            raise self._late() from error
        except (OSError, ValueError) as error:
            self.close()
            raise self._unreachable(link_reason(error)) from error
        except DeliveryError as error:
            if not error.refused:
                self.close()
            raise

    def _publish(self, client: Client, body: bytes, until_s: float) -> None:
        self._refuse_too_large(body)
        with self._answered:
            self._acknowledged.clear()
        # Without the lock: paho calls back under locks of its own, which this takes too.
        sent = client.publish(self._topic, body, qos=1)
        if sent.rc != 0:
            raise self._unreachable(LOST)
        with self._answered:
            self._wait(lambda: sent.mid in self._acknowledged or self._lost, until_s)
            code = self._acknowledged.get(sent.mid)
        if code is None:
            raise self._unreachable(LOST)
        if code.value >= FAILED:
            raise _refusal(code)

    def _refuse_too_large(self, body: bytes) -> None:
        """A broker hangs up on a packet that is too large for it, and would do so for ever."""
        largest = self._largest_bytes
        if largest is not None and len(body) + len(self._topic.encode()) + HEADER_BYTES > largest:
            text = sentence("it is larger than the broker takes ({bytes} bytes)", bytes=largest)
            raise DeliveryError("outbox.refused", text, refused=True)

    def _connect(self, until_s: float) -> Client:
        from paho.mqtt.client import Client, MQTTv5
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2, client_id=f"station-{new_id()}", protocol=MQTTv5)
        if self._username:
            password = secret_in(self._password_file).decode("utf-8", "replace") if self._password_file else None
            client.username_pw_set(self._username, password)
        if self._place.scheme == "mqtts":
            client.tls_set()
        client.connect_timeout = max(0.1, until_s - monotonic_s())
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        port = self._place.port or PORTS[self._place.scheme]
        client.connect(self._place.hostname or "", port)
        client.loop_start()
        self._client = client
        with self._answered:
            self._wait(lambda: self._connected is not None or self._lost, until_s)
            code = self._connected
        if code is None:
            raise self._unreachable(LOST)
        if code.value >= FAILED:
            raise _refusal(code, of_record=False)
        return client

    def _wait(self, has_come: Any, until_s: float) -> None:
        if not self._answered.wait_for(has_come, max(0.0, until_s - monotonic_s())):
            raise self._late()

    def _late(self) -> DeliveryError:
        text = sentence("{host} did not answer in time", host=self._place.hostname or "")
        return DeliveryError("outbox.no_answer", text)

    def _unreachable(self, why: str) -> DeliveryError:
        host = self._place.hostname or ""
        return DeliveryError(
            "outbox.unreachable", sentence("{host} cannot be reached: {reason}", host=host, reason=why)
        )

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: Any, properties: Any) -> None:
        with self._answered:
            self._connected = code
            self._largest_bytes = getattr(properties, "MaximumPacketSize", None)
            self._answered.notify_all()

    def _on_publish(self, _client: Any, _data: Any, number: int, code: Any, _properties: Any) -> None:
        with self._answered:
            self._acknowledged[number] = code
            self._answered.notify_all()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, _code: Any, _properties: Any) -> None:
        with self._answered:
            self._lost = True
            self._answered.notify_all()

    def close(self) -> None:
        """Hang up; the next record connects anew."""
        client, self._client = self._client, None
        if client is not None:
            client.on_disconnect = None
            client.disconnect()
            client.loop_stop()
        self._connected, self._lost = None, False
