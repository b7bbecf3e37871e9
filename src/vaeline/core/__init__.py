"""What every other package uses: errors, params, tables of parts, files, numerics, progress bars."""
