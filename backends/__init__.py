"""One emitter per target, as `adaspec.backends`; a framework is imported only inside the call that needs it."""
