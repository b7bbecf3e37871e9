"""Data sets, and the arrays that `prepare` makes of them.

The table of data sets is in `catalog`, not here, so that a stage which only reads the prepared arrays does
not depend on the code that reads the originals.
"""
