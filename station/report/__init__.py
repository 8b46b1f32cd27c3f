"""What people and programs read: the yield report, the list to re-run and exports, from the model's values to text.

No database here: whoever calls brings the runs.
"""
