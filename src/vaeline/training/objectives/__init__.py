"""What training minimises. Tricks live here; estimators report the truth."""
