"""From shapes to canonical elements on the canvas, and the scene that all share that draw."""
