"""Tests; the modules beside them that they share are imported as ``tests.…``."""
