"""How X, y and sample weights are checked and read."""
