"""Words that every room uses: errors, params, tables of parts, files, numbers, progress."""
