"""What annotators say in the viewer: checked, kept, ordered, and shown back."""
