"""What training minimises, with every training trick; estimators are free of them."""
