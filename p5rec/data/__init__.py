"""Facts: tables, vocabularies, the dataset, queries and answers. Arrays only, no deep-learning import."""
