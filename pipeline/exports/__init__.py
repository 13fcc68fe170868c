"""What is derived from a published version: an export is one module and one line of the registry."""
