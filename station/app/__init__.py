"""What a camera's application speaks, without I/O: the OpenMV protocol and MicroPython's raw REPL. Knows no board."""
