"""Wild3D: 3D bodies from single pictures, learnt from 2D and 3D labels together (arXiv 1704.02447).

Here: the choices of this paper. Not here: anything a second method could use (the shared rooms).
"""
