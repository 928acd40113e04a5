"""What docs/performance.md reports: this emulator beside others, on one machine."""
