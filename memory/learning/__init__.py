"""What is learnt from experiences: scores, patterns, ranking, tracks, reports."""
