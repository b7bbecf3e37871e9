"""Many trainings: experiments, sweeps, presets, studies, and the clinic."""
