"""Input workers apart from trainers: what both say to each other, and the trainers' side of it."""
