"""One file a choice of the parameters that are open to training."""
