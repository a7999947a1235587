"""From estimators to jobs for the engine, and from results to fitted attributes."""
