"""Functions of tensors as shared libraries."""
