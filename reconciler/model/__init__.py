"""The pure core: what resources, changes, steps and plans are. Standard library only."""
