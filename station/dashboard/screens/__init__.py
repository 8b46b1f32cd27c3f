"""The screens: the one at the bench, and the questions that come over it."""
