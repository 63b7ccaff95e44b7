"""What past trades taught: durable rows, a FAISS index derived from them, scores and rewards."""
