"""One file a modality: a view of an item or user turned into vectors."""
