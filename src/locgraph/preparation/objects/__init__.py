"""Objects: parts of a field of view (FOV) that are classified one by one, such as picks or sites."""
