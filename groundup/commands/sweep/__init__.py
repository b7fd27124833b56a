"""Many training runs that differ in a few fields: sweeps and ablations."""
