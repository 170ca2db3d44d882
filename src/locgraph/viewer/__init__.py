"""The viewer: a local server and the page that it serves, to look at files and runs and to annotate them."""
