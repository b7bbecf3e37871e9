"""Rate and distortion over β (Alemi et al. 2018, "Fixing a Broken ELBO")."""

from vaeline.experiments.plots import frontier_figure
from vaeline.experiments.studies.grid import grid_table
from vaeline.experiments.sweep_page import SweepPage

FRONTIER_PAGE = SweepPage("frontier", "Rate and distortion over β", grid_table, frontier_figure)
