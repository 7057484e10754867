"""Speed of training and of the exported models: scripts that print one table each.

Here: timing, machines, counted arithmetic. Not here: accuracy (the method's own evaluation).
"""
