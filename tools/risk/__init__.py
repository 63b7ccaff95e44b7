"""Risk in code: the gate, the stops, the rules on a decision. Pure arithmetic."""
