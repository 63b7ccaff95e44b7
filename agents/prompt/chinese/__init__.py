"""The words of the code in Chinese."""
