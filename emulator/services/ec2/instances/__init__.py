"""Instances: launched, shown, changed and ended, over whatever machine manager there is."""
