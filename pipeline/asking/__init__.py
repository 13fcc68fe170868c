"""Asking a model that sees for captions: what it is told and shown, what it costs, and what it has answered already."""
