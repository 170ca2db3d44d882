"""Annotations: how annotators agree, and exchange with other programs."""
