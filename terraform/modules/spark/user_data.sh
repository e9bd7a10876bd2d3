#!/bin/bash
# Runs once, before the ECS agent starts: the disk for VAR_DIR must be there before any container is.
set -euo pipefail

# Containers share the machine's network, and none of them is root: whoever is not root can't reach the machine's metadata, and so its
# credentials. Protocol "kernel": systemd-networkd removes other rules that are not its own. ECS does not start where this failed.
cat > /etc/systemd/system/comporta-metadata.service <<'EOF'
[Unit]
Description=Only root may ask for the metadata of this machine
Before=ecs.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/ip rule add pref 100 protocol kernel to 169.254.169.254/32 uidrange 1-4294967294 prohibit
[Install]
RequiredBy=ecs.service
EOF
systemctl daemon-reload
systemctl enable --now comporta-metadata.service

device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume}
for _ in $(seq 300); do
  [ -e "$device" ] && break
  sleep 1
done
blkid "$device" || mkfs.xfs "$device" # only a disk that was never used

mkdir -p ${folder}
echo "$device ${folder} xfs defaults,nofail,x-systemd.before=ecs.service 0 2" >> /etc/fstab
mount ${folder}
chown ${owner} ${folder}
chmod 3770 ${folder} # its group's; nobody replaces another's folder (lakehouse/access.py)

cat >> /etc/ecs/ecs.config <<'EOF'
ECS_CLUSTER=${cluster}
ECS_DISABLE_PRIVILEGED=true
ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true
ECS_CONTAINER_STOP_TIMEOUT=90s
EOF

# Room and memory, for alarms (alarms.tf). In the background, each minute until it is done: nothing waits for it, and the endpoints may
# be younger than this machine.
cat > /etc/comporta-agent.json <<'EOF'
${agent}
EOF
systemd-run --unit=comporta-agent --property=Restart=on-failure --property=RestartSec=60 /bin/bash -c '
  set -e
  dnf install -q -y amazon-cloudwatch-agent
  /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:/etc/comporta-agent.json
  systemctl enable amazon-cloudwatch-agent
'
