"""The words of the station as frozen dataclasses: no I/O, no clock, no thread, standard library only."""
