"""Virtual AE3 cameras and hubs with scripted faults, served over USB/IP to our own backend or to a real kernel.

The simulation has its own partition tables and its own state machine: it shares only the wire constants with the
engine that it tests.
"""
