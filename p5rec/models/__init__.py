"""One file a model: stream to state to scores."""
