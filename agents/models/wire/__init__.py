"""What travels to an OpenAI-compatible endpoint and back: requests as it wants them, answers as they come."""
