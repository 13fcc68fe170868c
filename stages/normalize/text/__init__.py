"""Text: set in the fonts that the judges have, as text elements or outlines."""
