"""Representations: embeddings of fields of view or clusters, compared and explored."""
