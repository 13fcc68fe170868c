"""The steps of a run: the tasks of each, beside the function that runs them."""
