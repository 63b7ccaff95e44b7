"""`candlegraph traces`: decisions worth a second look, for a person to correct, and what the person made of them."""
