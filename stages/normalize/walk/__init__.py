"""The walk over the document, and the elements that need more than a shape does."""
