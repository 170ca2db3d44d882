"""Why a FOV was classified so: scores for its clusters, localisations, edges and features."""
