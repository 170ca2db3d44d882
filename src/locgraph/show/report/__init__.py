"""The report of a run or sweep: one HTML page that opens offline."""
