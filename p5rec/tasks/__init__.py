"""One file a task: streams and targets out of a dataset, and how wrong a model was."""
