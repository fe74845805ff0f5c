"""One folder an engine; drivers are imported nowhere else."""
