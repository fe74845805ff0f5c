"""`reconcile.yaml`: environments, connections, policies."""
