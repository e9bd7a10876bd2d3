#!/bin/bash
# Runs once, before the ECS agent starts.
set -euo pipefail

# As on the server's machine (modules/spark/user_data.sh): whoever is not root can't reach the machine's metadata.
cat > /etc/systemd/system/comporta-metadata.service <<'UNIT'
[Unit]
Description=Only root may ask for the metadata of this machine
Before=ecs.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/ip rule add pref 100 protocol kernel to 169.254.169.254/32 uidrange 1-4294967294 prohibit
[Install]
RequiredBy=ecs.service
UNIT
systemctl daemon-reload
systemctl enable --now comporta-metadata.service

install -d -m 3770 -o ${split(":", owner)[0]} -g ${split(":", owner)[1]} ${folder}

cat >> /etc/ecs/ecs.config <<'EOF_ECS'
ECS_CLUSTER=${cluster}
ECS_DISABLE_PRIVILEGED=true
ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true
ECS_CONTAINER_STOP_TIMEOUT=60s
EOF_ECS
