"""USB DFU 1.1 without I/O: wire codecs, the transition table and the engine. Nothing here knows the AE3 or libusb."""
