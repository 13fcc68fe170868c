"""What a task is, what is done, and where untrusted code runs."""
