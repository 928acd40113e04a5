"""Virtual machine managers: one interface, one package for each."""
