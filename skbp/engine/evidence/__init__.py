"""What the data say about the weights besides their values: Bayesian inference."""
