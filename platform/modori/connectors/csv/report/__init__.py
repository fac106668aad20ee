"""What people read of uploaded files: lists with their counts, and each row's line of the report."""
