"""In and out: files, backups, the earlier system, LangChain."""
