"""A small language of formulas: numbers, comparisons, a few functions over named variables. Nothing is ever `eval`ed.

`parse` reads a formula and checks it, `columns` works it out over whole columns, exactly, `exact` for one set of values
(it is the definition of what a formula means, and does what the columns have no room for).
"""
