"""What the operator switches between: the line, the units, the failures, the yield, the log, the help."""
