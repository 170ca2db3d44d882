"""How raters agree who sort, mark or outline the same things."""
