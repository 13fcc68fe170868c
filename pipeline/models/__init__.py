"""Base tokenizers, embeddings and models that are extended."""
