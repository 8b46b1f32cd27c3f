"""The log: runs, attempts and images in a database, written by one recorder, read by anyone.

`schema` makes, checks and upgrades it, `recorder` writes it, `reader` reads it, `backup` copies it. This package alone
imports SQLAlchemy and Alembic; the latter only where a schema is made, upgraded or checked, because it is slow to load.
"""
