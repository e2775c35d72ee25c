#!/usr/bin/env bash
# Makes qemu-64m.qed with QEMU's own tools (Debian: qemu-utils). The committed image came out of exactly these commands.
set -euo pipefail
cd "$(dirname "$0")"

image=qemu-64m.qed
rm -f "$image"

# 64 MiB, QEMU's default geometry: clusters of 64 KiB, tables of 4 clusters.
qemu-img create -q -f qed "$image" 64M

qemu-io -f qed \
  -c 'write -P 0x11 0 64k' \
  -c 'write -P 0x22 64k 64k' \
  -c 'write -P 0x33 1M 4k' \
  -c 'write -P 0x44 33562624 512' \
  -c 'write -P 0x55 4M 64k' \
  -c 'write -z 4M 64k' \
  -c 'write -z 8M 64k' \
  -c 'write -P 0xee 67043328 64k' \
  "$image" > /dev/null

qemu-img check -q -f qed "$image"
