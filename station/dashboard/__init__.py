"""The operator's screen. The only package that imports Textual; it is handed values and callables, never the log."""
