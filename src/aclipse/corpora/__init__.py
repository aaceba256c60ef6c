"""Corpora: each importer turns a folder into one table, the manifest; splits and checks start from there."""
