"""The data sets, and the arrays that `prepare` makes of them.

The table stands in `datasets`, not here: a stage that only reads the prepared arrays does not depend on
where they came from.
"""
