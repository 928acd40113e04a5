"""The records: what the emulator knows, and the moves each record may make."""
