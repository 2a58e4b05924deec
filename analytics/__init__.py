"""Pure frame-to-frame stages from calls and signals to margins."""
