"""Objects of files: counted with a model, drawn, and written for other software."""
