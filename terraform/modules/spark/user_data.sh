#!/bin/bash
# Runs once, before the ECS agent starts: the disk for VAR_DIR must be there before any container is.
set -euo pipefail

device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume}
for _ in $(seq 300); do
  [ -e "$device" ] && break
  sleep 1
done
blkid "$device" || mkfs.xfs "$device" # only a disk that was never used

mkdir -p ${folder}
echo "$device ${folder} xfs defaults,nofail,x-systemd.before=ecs.service 0 2" >> /etc/fstab
mount ${folder}
chown ${uid}:${uid} ${folder}

cat >> /etc/ecs/ecs.config <<'EOF'
ECS_CLUSTER=${cluster}
ECS_DISABLE_PRIVILEGED=true
ECS_CONTAINER_STOP_TIMEOUT=90s
EOF
