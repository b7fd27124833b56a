"""`groundup report`: what runs were, on one page that needs nothing else."""
