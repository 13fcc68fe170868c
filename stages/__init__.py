"""The work of svgmill: one package or module a stage, Arrow table in, Arrow table out.

Nothing in here imports Ray, knows a storage or reads a clock; `pipeline` does that.
"""
