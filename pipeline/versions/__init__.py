"""Published versions: what they are, how they are read, compared, checked, and what is taken out of them."""
