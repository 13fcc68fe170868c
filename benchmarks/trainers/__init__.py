"""Whether trainers read the exports: the check, and what it runs in each trainer's own environment."""
