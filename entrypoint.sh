#!/bin/sh
# Arguments are a command of ec2-emulator; exec, so that signals reach it.
set -eu
exec ec2-emulator "$@"
