"""What people look at: pictures, the summary, and the pages."""
