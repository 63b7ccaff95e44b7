"""What is learnt from experiences: scores, patterns, proofs, ranking, tracks, reports."""
