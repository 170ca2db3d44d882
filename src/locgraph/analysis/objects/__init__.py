"""Objects of fields of view (FOVs) counted by predicted class, with intervals and neighbours."""
