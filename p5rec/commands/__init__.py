"""One file a stage; with testing the only room that sees everything."""
