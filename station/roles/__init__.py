"""Who may do what: the acts that need an engineer, the PINs, and how wrong ones are slowed down."""
