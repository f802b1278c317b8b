"""The progressive pipeline: jobs and stages from gestures to a device report."""
