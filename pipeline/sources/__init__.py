"""Where records come from, and how a source is cut into partitions."""
