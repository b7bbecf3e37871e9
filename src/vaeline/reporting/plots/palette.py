"""The colours of pictures and pages."""

# Okabe & Ito (2008), which colour-blind readers can distinguish, with grey and violet for a set of ten.
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9",
    "#D55E00", "#F0E442", "#000000", "#999999", "#6B4C9A",
)  # fmt: skip
