"""FIGURES FOR A MONITORING SYSTEM, in Prometheus' form. The only user of prometheus-client.

Nothing here is asked by the line: a process of its own looks at the line as a screen does, and reads the log.
"""
