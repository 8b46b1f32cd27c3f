from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from openmv.transport import Transport

from station.app.omv_protocol import EVENT_NOTIFY, MAX_PAYLOAD_BYTES, Flag, Opcode
from station.app.packet import CameraEvent, Packet, PacketReader

BYTE = st.integers(0, 255)
PACKETS = st.builds(Packet, BYTE, BYTE, BYTE, BYTE, st.binary(max_size=40))
ONE = Packet(7, 2, Flag.ACK_WANTED, Opcode.CHANNEL_READ, b"hello")


class Taken:
    """A serial port that keeps what was written."""

    is_open = True

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: memoryview) -> None:
        self.data += bytes(data)


@given(PACKETS)
def test_the_bytes_are_those_of_openmv_s_own_client(packet: Packet) -> None:
    port = Taken()
    transport = Transport(port, True, True, 4096, 1.0, None)
    transport.log = lambda *words: None  # it knows names for its own opcodes only
    transport.send_packet(packet.opcode, packet.channel, packet.flags, packet.payload, packet.sequence)
    assert packet.encode() == port.data


def test_a_sync_request_byte_by_byte() -> None:
    """PROTO_SYNC as OpenMV's own client opens every session."""
    assert Packet(0, 0, 0, Opcode.PROTO_SYNC).encode().hex() == "aad5000000000000b0ac"


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(PACKETS, max_size=5), st.lists(st.integers(0, 10_000), max_size=8))
def test_packets_are_found_in_whatever_pieces(packets: list[Packet], cuts: list[int]) -> None:
    reader = PacketReader()
    stream = b"".join(packet.encode() for packet in packets)
    assert [found for piece in in_pieces(stream, cuts) for found in reader.feed(piece)] == packets
    assert reader.dropped_bytes == 0


NOISE = st.binary(max_size=20).filter(lambda noise: b"\xaa" not in noise)


@given(st.lists(st.tuples(NOISE, PACKETS), max_size=4), st.lists(st.integers(0, 10_000), max_size=8))
def test_noise_between_packets_is_dropped_and_counted(parts: list[tuple[bytes, Packet]], cuts: list[int]) -> None:
    reader = PacketReader()
    stream = b"".join(noise + packet.encode() for noise, packet in parts)
    assert [found for piece in in_pieces(stream, cuts) for found in reader.feed(piece)] == [p for _, p in parts]
    assert reader.dropped_bytes == sum(len(noise) for noise, _ in parts)


@given(st.integers(0, len(ONE.encode()) - 1), st.integers(1, 255))
def test_a_packet_with_one_wrong_byte_is_none_and_the_next_is_found(place: int, change: int) -> None:
    damaged = bytearray(ONE.encode())
    damaged[place] ^= change
    reader = PacketReader()
    whole = Packet(8, 0, Flag.ACK, Opcode.PROTO_SYNC)
    assert ONE not in (found := reader.feed(bytes(damaged) + whole.encode()) + reader.give_up())
    assert found == [whole]


def test_a_packet_that_is_cut_off_holds_up_the_next_until_time_is_up() -> None:
    reader = PacketReader()
    whole = Packet(8, 0, Flag.ACK, Opcode.PROTO_SYNC)
    assert reader.feed(Packet(1, 2, 0, Opcode.CHANNEL_READ, b"x" * 100).encode()[:60] + whole.encode()) == []
    assert reader.give_up() == [whole]
    assert reader.give_up() == []


def test_a_length_that_cannot_be_is_no_packet() -> None:
    reader = PacketReader()
    long = Packet(1, 2, 0, Opcode.CHANNEL_READ, b"x" * (MAX_PAYLOAD_BYTES + 1)).encode()
    assert reader.feed(long[:20] + ONE.encode()) == [ONE]


@given(st.binary(max_size=200))
def test_any_bytes_are_taken(data: bytes) -> None:
    reader = PacketReader()
    reader.feed(data)
    reader.give_up()
    reader.clear()
    assert reader.feed(ONE.encode()) == [ONE]


def test_an_event_without_a_payload_only_asks_to_be_looked_at() -> None:
    assert CameraEvent.of(Packet(0, 2, Flag.EVENT, Opcode.CHANNEL_EVENT)) == CameraEvent(2, EVENT_NOTIFY)
    assert CameraEvent.of(Packet(0, 1, Flag.EVENT, Opcode.CHANNEL_EVENT, b"\x01\x00")) == CameraEvent(1, 1)
