"""`candlegraph studio` and `open`: LangGraph's server with our graphs, its assistants, a decision opened again."""
