"""The values of properties and attributes: reading them, and which there are. Knows no document."""
