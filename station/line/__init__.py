"""The line: slots, the dispatcher, warm worker processes, and the phases of one camera's run.

Importing this package loads nothing heavy: worker processes are made from it, also on slow machines.
"""
