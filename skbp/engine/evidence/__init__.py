"""What the data say of weights beside their values: inference, not minimisation."""
