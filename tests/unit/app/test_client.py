from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from station.app.answers import Capabilities
from station.app.app_client import Client, Leaving
from station.app.conversation import Conversation, converse
from station.app.omv_protocol import ChannelId, Flag, NakStatus, Opcode, StdinRequest
from station.app.packet import Packet
from station.app.packet_link import Timing
from station.app.script import ScriptOutput
from station.errors import ApplicationError
from tests.unit.app.responder import Responder, VirtualPort

SYNC_ACK = Packet(0, 0, Flag.ACK, Opcode.PROTO_SYNC).encode()


def refused(conversation: Conversation[Any], port: VirtualPort) -> tuple[str, str, float]:
    """The code, the message and the seconds that it took to come to it."""
    started_s = port.now_s
    with pytest.raises(ApplicationError) as caught:
        converse(conversation, port.perform)
    return caught.value.code, caught.value.message, port.now_s - started_s


@pytest.fixture
def camera() -> Responder:
    return Responder()


@pytest.fixture
def port(camera: Responder) -> VirtualPort:
    return VirtualPort(camera)


def test_capabilities_are_taken_as_they_are_offered(camera: Responder, port: VirtualPort) -> None:
    client = Client()
    assert converse(client.synchronize(), port.perform) == Capabilities(0xF, 8178)
    assert camera.heard[-1].payload == bytes.fromhex("0f000000f21f00000000000000000000")


def test_what_a_camera_tells_about_itself(port: VirtualPort) -> None:
    client = Client()
    versions = converse(client.versions(), port.perform)
    assert (versions.protocol, versions.bootloader, versions.firmware) == ((1, 0, 2), (1, 0, 4), (5, 0, 0))
    info = converse(client.system_info(), port.perform)
    assert (info.vendor_id, info.product_id, info.sensors) == (0x37C5, 0x16E3, (0x7936,))
    assert info.device_id_text == "111111112222222233333333"
    assert (info.cpu_id, info.capability_bits[0]) == (0x410FD221, 0x330042)
    assert (info.frame_buffer_size_kib, info.stream_buffer_size_kib) == (4096, 2048)
    channels = converse(client.channels(), port.perform)
    assert [(channel.number, channel.name) for channel in channels][1:3] == [(1, "stdin"), (2, "stdout")]
    assert converse(client.ready_channels(), port.perform) == frozenset()


def test_every_reply_with_data_is_acknowledged_once(camera: Responder, port: VirtualPort) -> None:
    client = Client()
    camera.say("x" * 1300)
    assert converse(client.size(ChannelId.STDOUT), port.perform) == 1300
    assert converse(client.read(ChannelId.STDOUT, 1300), port.perform) == b"x" * 1300
    wanted = [(packet.sequence, packet.opcode) for packet in camera.sent if packet.flags & Flag.ACK_WANTED]
    assert [(ack.sequence, ack.opcode) for ack in camera.acknowledged] == wanted
    assert len(wanted) == 1 + 1 + 3


def test_the_count_goes_past_255(port: VirtualPort) -> None:
    client = Client()
    for _ in range(300):
        converse(client.versions(), port.perform)
    assert sum(Packet(0, 0, 0, Opcode.PROTO_SYNC).encode() == sent for sent in port.sent) == 1


def test_events_in_between_are_kept_and_answer_nothing(camera: Responder, port: VirtualPort) -> None:
    client = Client()
    converse(client.synchronize(), port.perform)
    camera.event(ChannelId.STDOUT, None)
    camera.event(ChannelId.STDIN, 1, Flag.ACK_WANTED)
    assert converse(client.versions(), port.perform).firmware == (5, 0, 0)
    assert client.events == ((2, 0xFFFF), (1, 1))
    assert [ack.opcode for ack in camera.acknowledged if ack.channel == 1] == [Opcode.CHANNEL_EVENT]


def test_noise_old_answers_and_repetitions_change_nothing(camera: Responder, port: VirtualPort) -> None:
    client = Client()
    converse(client.synchronize(), port.perform)
    converse(client.versions(), port.perform)
    last = camera.sent[-1]
    old = Packet(last.sequence, 0, last.flags | Flag.REPEATED, last.opcode, b"\xff" * 16)
    camera.out = b"MPY: soft reboot\r\n\xaa\xd5" + old.encode() + SYNC_ACK + Packet(77, 0, 0, 4, b"\0" * 16).encode()
    assert converse(client.versions(), port.perform).firmware == (5, 0, 0)
    assert [ack.sequence for ack in camera.acknowledged if ack.opcode == last.opcode].count(last.sequence) == 2


def test_a_request_that_was_lost_is_begun_anew_after_a_synchronization(camera: Responder, port: VirtualPort) -> None:
    client = Client()
    converse(client.synchronize(), port.perform)
    camera.lose[Opcode.PROTO_VERSION] = 3
    started_s = port.now_s
    assert converse(client.versions(), port.perform).firmware == (5, 0, 0)
    assert port.now_s - started_s == pytest.approx(0.5 + 1.0 + 2.0)
    assert [packet.opcode for packet in camera.heard].count(Opcode.PROTO_SYNC) == 4


@pytest.mark.parametrize("piece_bytes", [1, 3, 64])
def test_answers_may_come_in_any_pieces(camera: Responder, piece_bytes: int) -> None:
    client, port = Client(), VirtualPort(camera, piece_bytes)
    assert converse(client.system_info(), port.perform).sensors == (0x7936,)


def test_a_camera_that_counts_anew_is_followed(camera: Responder, port: VirtualPort) -> None:
    """Each script that ends does it: the answer to the next request is a NAK with a count of its own."""
    client = Client()
    converse(client.synchronize(), port.perform)
    camera._sequence = 77
    started_s = port.now_s
    assert converse(client.versions(), port.perform).firmware == (5, 0, 0)
    assert port.now_s == started_s


@pytest.mark.parametrize(
    ("status", "times", "code"),
    [
        (NakStatus.FAILED, 1, "test.refused"),
        (NakStatus.INVALID, 1, "test.unsupported"),
        (NakStatus.TIMEOUT, 1, "test.refused"),
        (NakStatus.UNKNOWN, 1, "test.refused"),
        (NakStatus.BUSY, 1, None),
        (NakStatus.BUSY, 99, "test.busy"),
        (NakStatus.CHECKSUM, 1, None),
        (NakStatus.CHECKSUM, 99, "test.protocol"),
        (NakStatus.SEQUENCE, 1, None),
        (NakStatus.SEQUENCE, 99, "test.protocol"),
        (NakStatus.OVERFLOW, 1, None),
        (NakStatus.FRAGMENT, 99, "test.protocol"),
        (NakStatus.SUCCESS, 1, "test.protocol"),
        (4711, 1, "test.protocol"),
    ],
)
def test_each_refusal_has_its_own_meaning(
    camera: Responder, port: VirtualPort, status: int, times: int, code: str | None
) -> None:
    client = Client()
    camera.naks[Opcode.PROTO_VERSION] = [status] * times
    if code is None:
        assert converse(client.versions(), port.perform).firmware == (5, 0, 0)
    else:
        found, message, _ = refused(client.versions(), port)
        assert found == code
        assert "PROTO_VERSION" in message


def test_a_mute_camera_ends_in_7_5_seconds(camera: Responder, port: VirtualPort) -> None:
    camera.mute = True
    code, message, took_s = refused(Client().versions(), port)
    assert (code, took_s) == ("test.no_answer", pytest.approx(7.5))
    assert message == "the camera does not speak the OpenMV protocol"


def test_the_limit_of_a_conversation_cuts_its_last_wait_short(camera: Responder, port: VirtualPort) -> None:
    camera.mute = True
    _, _, took_s = refused(Client(Timing(limit_s=2.5)).versions(), port)
    assert took_s == pytest.approx(2.5)


def test_what_is_no_packet_is_counted(camera: Responder, port: VirtualPort) -> None:
    camera.mute, camera.out = True, b"\r\n>>> "
    code, message, _ = refused(Client().versions(), port)
    assert (code, "6 bytes came" in message) == ("test.no_answer", True)


def test_packets_that_answer_nothing_are_nonsense(camera: Responder, port: VirtualPort) -> None:
    camera.mute, camera.out = True, Packet(0, 0, 0, Opcode.PROTO_VERSION, b"x" * 16).encode()
    assert refused(Client().versions(), port)[0] == "test.protocol"


def test_a_camera_that_stops_answering(camera: Responder, port: VirtualPort) -> None:
    client = Client()
    converse(client.synchronize(), port.perform)
    camera.mute = True
    code, _, took_s = refused(client.versions(), port)
    assert (code, took_s) == ("test.answer_lost", pytest.approx(7.5))


def test_a_port_that_vanishes(camera: Responder, port: VirtualPort) -> None:
    client = Client()
    converse(client.synchronize(), port.perform)
    camera.is_gone = True
    assert refused(client.versions(), port)[0] == "test.port_vanished"


@pytest.mark.parametrize(
    ("opcode", "answer", "ask"),
    [
        (Opcode.PROTO_VERSION, b"short", Client.versions),
        (Opcode.SYS_INFO, b"", Client.system_info),
        (Opcode.CHANNEL_LIST, b"x" * 17, Client.channels),
        (Opcode.CHANNEL_POLL, b"xxx", Client.ready_channels),
        (Opcode.PROTO_GET_CAPS, bytes(16), Client.synchronize),
    ],
)
def test_an_answer_of_another_size_is_nonsense(
    camera: Responder, port: VirtualPort, opcode: int, answer: bytes, ask: Callable[[Client], Conversation[Any]]
) -> None:
    camera.answers[opcode] = answer
    assert refused(ask(Client()), port)[0] == "test.protocol"


def test_into_the_bootloader(camera: Responder, port: VirtualPort) -> None:
    assert converse(Client().enter_bootloader(), port.perform) is Leaving.VANISHED
    assert camera.heard[-1].opcode == Opcode.SYS_BOOT


def test_a_camera_that_ignores_the_request_to_leave(camera: Responder, port: VirtualPort) -> None:
    camera.lose[Opcode.SYS_RESET] = 9
    started_s = port.now_s
    assert converse(Client().reset(), port.perform) is Leaving.SENT
    assert port.now_s - started_s == pytest.approx(1.0)


def test_a_camera_that_refuses_to_leave(camera: Responder, port: VirtualPort) -> None:
    camera.naks[Opcode.SYS_BOOT] = [NakStatus.INVALID]
    assert refused(Client().enter_bootloader(), port)[0] == "test.unsupported"


def test_a_request_to_leave_that_was_miscounted_is_made_again(camera: Responder, port: VirtualPort) -> None:
    camera.naks[Opcode.SYS_BOOT] = [NakStatus.SEQUENCE]
    assert converse(Client().enter_bootloader(), port.perform) is Leaving.VANISHED


# Scripts


def run(port: VirtualPort, source: str, limit_s: float = 10.0) -> ScriptOutput:
    return converse(Client().run_script(source, "m1", limit_s), port.perform)


def test_a_script_s_output_is_read_to_its_end(port: VirtualPort) -> None:
    assert run(port, "print('sensor', 0x7936)\nprint('x' * 1500)").text == "sensor 31030\n" + "x" * 1500 + "\n"


def test_what_was_printed_before_is_not_the_script_s(camera: Responder, port: VirtualPort) -> None:
    camera.say("old\r\n<m0>\r\nold\r\n</m0>\r\n")
    assert run(port, "print('new')").text == "new\n"


def test_scripts_one_after_another_each_after_a_soft_reset(camera: Responder, port: VirtualPort) -> None:
    client = Client()
    for number in range(5):
        script = client.run_script(f"print({number})", f"m{number}", 10.0)
        assert converse(script, port.perform).text == f"{number}\n"
    assert len(camera.sources) == 5


def test_a_long_script_goes_in_pieces(camera: Responder, port: VirtualPort) -> None:
    source = "\n".join(f"x{n} = {n}" for n in range(2000)) + "\nprint(x1999)"
    assert run(port, source).text == "1999\n"
    assert [packet.opcode for packet in camera.heard].count(Opcode.CHANNEL_WRITE) == 3


def test_a_script_that_raises_says_what(port: VirtualPort) -> None:
    script = Client().run_script("raise OSError(5)", "m1", 10.0)
    code, message, _ = refused(script, port)
    assert (code, message) == ("test.script_failed", "the script ended early: OSError: 5")


def test_what_a_script_says_cannot_steer_a_terminal(camera: Responder, port: VirtualPort) -> None:
    camera.script = lambda source: "<m1>\r\n\x1b[2Jboo\r\n"
    assert refused(Client().run_script("x", "m1", 10.0), port)[1].endswith("\\x1b[2Jboo")


def test_a_script_without_an_end_is_stopped(camera: Responder, port: VirtualPort) -> None:
    camera.script = lambda source: None
    code, _, took_s = refused(Client().run_script("while True: pass", "m1", 2.0), port)
    assert code == "test.script_timeout"
    assert took_s == pytest.approx(2.0, abs=0.2)
    assert not camera.running


def test_a_script_that_was_running_is_stopped_before_ours_is_handed_over(camera: Responder, port: VirtualPort) -> None:
    camera.running = True
    assert run(port, "print(1)").text == "1\n"
    requests = [int.from_bytes(p.payload, "little") for p in camera.heard if p.opcode == Opcode.CHANNEL_IOCTL]
    assert requests == [StdinRequest.STOP, StdinRequest.RESET, StdinRequest.EXEC]


def test_a_script_that_got_lost_is_handed_over_again(camera: Responder, port: VirtualPort) -> None:
    """A soft reset may empty the camera's buffer after it said yes."""
    scripts = iter([lambda source: None])

    def unlucky(source: str) -> str | None:
        lost = next(scripts, None)
        if lost is None:
            return f"<m1>\r\n{len(camera.sources)}\r\n</m1>\r\n"
        camera.out = camera.out.replace(Packet(camera._sequence, 1, 0x20, 0x29, b"\1\0").encode(), b"")
        camera.running = False
        return lost(source)

    camera.script = unlucky
    assert run(port, "x", 20.0).text == "2\n"


def test_output_that_was_lost_on_the_way_fails_the_script(camera: Responder, port: VirtualPort) -> None:
    camera.lose[Opcode.CHANNEL_READ] = 1
    assert refused(Client().run_script("print(1)", "m1", 10.0), port)[0] == "test.answer_lost"


def test_a_script_without_end_of_output_ends(camera: Responder, port: VirtualPort) -> None:
    camera.answers[Opcode.CHANNEL_SIZE] = (512).to_bytes(4, "little")
    camera.answers[Opcode.CHANNEL_READ] = b"x" * 512
    assert refused(Client().run_script("print(1)", "m1", 10.0), port)[0] == "test.protocol"


def test_an_answer_without_end_ends(camera: Responder, port: VirtualPort) -> None:
    client = Client()
    converse(client.synchronize(), port.perform)

    class Endless(VirtualPort):
        count = 2

        def perform(self, action: Any) -> Any:
            self.camera.out = b"".join(
                Packet((self.count + n) % 256, 2, Flag.FRAGMENT, Opcode.CHANNEL_READ, b"x" * 4096).encode()
                for n in range(8)
            )
            self.piece_bytes = len(self.camera.out)
            reply = super().perform(action)
            self.count += 8 if not self.camera.out else 0
            return reply

    camera.mute = True
    found = refused(client.read(ChannelId.STDOUT, 5), Endless(camera, now_s=port.now_s))
    assert found[0] == "test.protocol"
