"""Points, paths, arcs and boxes: computing with them, and rounding them to the grid. Knows no document."""
