#!/bin/sh
# Usage: check.sh [ADDRESS [PRIVATE_KEY]]: inside the instance the metadata service wants a token
# and gives the role's credentials.
set -eu
address=${1:-$(terraform output -raw address)}
key=${2:-$HOME/.ssh/id_ed25519}

ssh -i "$key" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o LogLevel=ERROR -o ConnectionAttempts=30 "root@$address" sh -eu <<'INSIDE' | grep '"Code"'
url=http://169.254.169.254/latest
if ! command -v curl >/dev/null; then
    apt-get update >/dev/null
    apt-get install --yes --no-install-recommends curl >/dev/null
fi
[ "$(curl -s -o /dev/null -w '%{http_code}' $url/meta-data/)" = 401 ]
token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $url/api/token)
curl -s -f -H "X-aws-ec2-metadata-token: $token" \
    $url/meta-data/iam/security-credentials/example-05
INSIDE
echo "05-iam-profile-imds: the role's credentials are there"
