"""The flash program: what runs in the holder and in the worker of one camera. It sees no log and no screen.

Importing this package loads nothing heavy: worker processes are made from it, also on slow machines.
"""
