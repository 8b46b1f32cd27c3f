"""The arithmetic of yields: figures from runs, how sure they are, and where the units of a batch are."""
