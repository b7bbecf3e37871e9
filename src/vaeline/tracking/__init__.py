"""What is recorded in MLflow; no other room imports it."""
