"""What comes from the keyboard, and from a scanner that is one: which is which, and what a scan names."""
