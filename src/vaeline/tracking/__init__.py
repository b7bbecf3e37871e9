"""MLflow, spoken to from here alone."""
