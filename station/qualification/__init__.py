"""A bench that qualifies itself: what known-good cameras showed in each slot, beside what the station believes.

Pure: records in, a report out. `wiring.qualifying` makes the runs, `report.bench_html` prints.
"""
