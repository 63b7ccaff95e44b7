"""What a model reads: the briefing, its sections and budget, and the prompts as files."""
