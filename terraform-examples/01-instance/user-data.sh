#!/bin/sh
# A web server on port 8000.
set -eu
if ! command -v python3 >/dev/null; then
    apt-get update
    apt-get install --yes --no-install-recommends python3
fi
mkdir -p /srv/www
echo "hello from example 01" >/srv/www/index.html
cd /srv/www
nohup python3 -m http.server 8000 >/var/log/web.log 2>&1 </dev/null &
