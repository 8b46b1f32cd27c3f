"""The line program: slots, the dispatcher, batches, and when a line stops. It knows no bus and no board."""
