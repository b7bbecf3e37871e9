"""Reports of runs: pictures, the summary, HTML pages, and the README's figures."""
