"""Self-contained HTML pages, and the page of one run."""
