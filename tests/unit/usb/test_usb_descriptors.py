from __future__ import annotations

import pytest

from station.usb.usb_descriptors import ConfigurationDescriptor, DeviceDescriptor, decode_string, read_configuration

SERIAL_PORT = bytes.fromhex(
    "09023b00020100a032"  # configuration: 59 bytes, two interfaces
    "0904000001020201040524001001"  # control interface, one endpoint, one class descriptor
    "07058103080010"  # interrupt endpoint
    "090401000"
    "20a000000"  # data interface, two endpoints
    "07050202000200"
    "07058202000200"
)


def test_a_configuration_with_two_interfaces_and_endpoints() -> None:
    configuration = ConfigurationDescriptor.decode(SERIAL_PORT)
    assert (configuration.wTotalLength, configuration.bNumInterfaces, configuration.bMaxPower) == (59, 2, 0x32)
    ((control,), (data,)) = configuration.interfaces
    assert control.extra_descriptors == [5, 0x24, 0, 0x10, 1]
    assert [endpoint.bEndpointAddress for endpoint in control.endpoints] == [0x81]
    assert [(endpoint.bEndpointAddress, endpoint.wMaxPacketSize) for endpoint in data.endpoints] == [
        (0x02, 512),
        (0x82, 512),
    ]


@pytest.mark.parametrize("raw", [b"", b"\x09", SERIAL_PORT[9:], SERIAL_PORT[:-1], b"\x00" * 9])
def test_bytes_that_are_no_configuration_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="descriptor"):
        ConfigurationDescriptor.decode(raw)


def test_a_configuration_is_read_at_the_length_that_its_head_tells() -> None:
    asked: list[int] = []

    def read(size_bytes: int) -> bytes:
        asked.append(size_bytes)
        return SERIAL_PORT[:size_bytes]

    assert read_configuration(read) == SERIAL_PORT
    assert asked == [9, 59]


def test_a_configuration_without_a_head_is_refused() -> None:
    with pytest.raises(ValueError, match="not a configuration descriptor"):
        read_configuration(lambda _: b"\x09\x02")


def test_strings_are_utf_16() -> None:
    text = "BOOT µ€"
    raw = text.encode("utf-16-le")
    assert decode_string(bytes((len(raw) + 2, 3)) + raw) == text


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x04\x01A\x00"])
def test_bytes_that_are_no_string_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not a string descriptor"):
        decode_string(raw)


def test_bytes_that_are_no_device_descriptor_are_refused() -> None:
    with pytest.raises(ValueError, match="not a device descriptor"):
        DeviceDescriptor.decode(bytes(18))


@pytest.mark.parametrize("total_bytes", [0, 8])
def test_a_configuration_that_says_it_has_no_bytes_is_not_read(total_bytes: int) -> None:
    """The camera's USB driver cannot send an empty data stage: its endpoint may be dead afterwards."""
    asked: list[int] = []

    def read(size_bytes: int) -> bytes:
        asked.append(size_bytes)
        return b"\x09\x02" + total_bytes.to_bytes(2, "little") + bytes(5)

    with pytest.raises(ValueError, match=f"a configuration of {total_bytes} bytes"):
        read_configuration(read)
    assert asked == [9]
