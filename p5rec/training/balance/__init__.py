"""One file a rule that combines the losses of several tasks."""
