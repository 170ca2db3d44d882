"""What a run or sweep left beside localisations: predictions, maps, scores, explanations, as far as it is there."""
