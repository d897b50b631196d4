"""The live service: event store, indexes, answers over HTTP."""
