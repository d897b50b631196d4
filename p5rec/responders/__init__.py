"""One file a responder: queries to answers; responders nest."""
