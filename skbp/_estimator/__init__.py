"""From an estimator to a job for the engine, and from the result to attributes."""
