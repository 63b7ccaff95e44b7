"""The vocabulary that crosses boundaries: frozen, strict, plain values."""
