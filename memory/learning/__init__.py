"""What closed trades teach: what they would have made otherwise, what that proves, and in which words it is said."""
