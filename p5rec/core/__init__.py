"""The ground floor: configuration, plugs, artifacts, errors, seeds and progress. Knows no data and no tensors."""
