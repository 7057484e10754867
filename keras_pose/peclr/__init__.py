"""PeCLR: equivariant contrastive pretraining of a hand encoder, and 2.5D fine-tuning to metric 3D.

What only this method does lives here; equations, crops, records and measures are in the rooms below.
Source: Spurr et al., PeCLR, ICCV 2021, arXiv 2106.05953.
"""
