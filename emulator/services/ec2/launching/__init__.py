"""What a launch is made from: types, key pairs, templates, groups, spot and fleets."""
