"""Whether a result says anything: what chance would have made with the same trades."""
