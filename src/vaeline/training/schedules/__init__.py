"""Schedules: what changes with the step, or with the validation ELBO, while a model trains."""
