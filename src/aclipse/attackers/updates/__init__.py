"""Attackers of model updates: whose they are, what sex, whether somebody took part, and what was in the batch.

An update's layer is a *signal* ``(rows, columns + 1)``: the pseudo-gradient of the layer's weight, and that of its bias
as the last column.
"""
