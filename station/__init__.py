"""A production-line flashing station for the OpenMV AE3 camera."""

__version__ = "0.1.0"
