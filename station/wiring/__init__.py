"""The only place that builds things and knows every package: settings in, a running line out.

Heavy packages are imported inside the functions that need them, so that a command pays only for what it uses.
"""
