"""p5rec: from a raw interaction log to a live recommender."""
