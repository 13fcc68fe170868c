"""What applies to elements as a whole: clip paths, masks and filters."""
