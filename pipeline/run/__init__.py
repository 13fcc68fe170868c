"""A run: walk the steps, run what is missing, balance the counts, publish."""
