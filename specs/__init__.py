"""The library: one optimizer per file, read by `adaspec.load(name)`. Specs are parsed, never imported."""
