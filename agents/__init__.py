"""The four agents, one module per role: analyst, retriever, decision, reviewer."""
