"""From raw files to featextracted tables, one FOV at a time, in parallel, resumable."""
