#!/bin/sh
# Usage: check.sh [ADDRESS [PRIVATE_KEY]]: the web server answers, and SSH logs in.
set -eu
address=${1:-$(terraform output -raw address)}
key=${2:-$HOME/.ssh/id_ed25519}

# The user data may still be installing the server.
curl --silent --show-error --fail --retry 60 --retry-delay 1 --retry-all-errors --max-time 120 \
    "http://$address:8000/" | grep "hello from example 01"
ssh -i "$key" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o LogLevel=ERROR -o ConnectionAttempts=30 "root@$address" cat /srv/www/index.html | grep "hello from example 01"
echo "01-instance: the web server and SSH answer at $address"
