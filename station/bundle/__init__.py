"""A firmware release on disk: read, checked, kept by content, and hashed again before a camera gets it."""
