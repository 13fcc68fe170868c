"""The conductor: what to run, where, what is done, and what a version is."""
