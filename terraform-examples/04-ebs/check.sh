#!/bin/sh
# Usage: check.sh [ADDRESS [PRIVATE_KEY]]: a file on the volume is there after it is mounted again.
# The emulator has to run with EC2_MOUNT_BLOCK_DEVICES=1.
set -eu
address=${1:-$(terraform output -raw address)}
key=${2:-$HOME/.ssh/id_ed25519}

ssh -i "$key" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o LogLevel=ERROR -o ConnectionAttempts=30 "root@$address" sh -eu <<'INSIDE' | grep "kept on the volume"
device=/ebs-dev/sdf
mkfs.ext4 -q -F $device
mkdir -p /mnt/example-04
mount -o loop $device /mnt/example-04
echo "kept on the volume" >/mnt/example-04/file
umount /mnt/example-04
mount -o loop $device /mnt/example-04
cat /mnt/example-04/file
umount /mnt/example-04
INSIDE
echo "04-ebs: the volume keeps a file"
