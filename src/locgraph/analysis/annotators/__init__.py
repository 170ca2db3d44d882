"""How annotators agree about fields of view (FOVs), clusters, points and regions."""
