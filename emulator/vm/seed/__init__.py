"""What a guest is told at first boot: user data understood, NoCloud seeds written (pure)."""
