"""The way to a chat model: any OpenAI-compatible endpoint, or the offline policy rule."""
