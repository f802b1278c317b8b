"""Neural architecture search: fronts and scores of candidate networks."""
