import dockerKey from './keys/docker.asc';
import { type NodeFile, type NodeRole, UNITS, script, unit } from './node-file';
import ready from './scripts/starling-ready.sh';
import docker from './scripts/swarm/starling-docker.sh';
import engine from './scripts/swarm/starling-engine.sh';
import install from './scripts/swarm/starling-install.sh';
import rotate from './scripts/swarm/starling-rotate.sh';
import snapshot from './scripts/swarm/starling-snapshot.sh';
import upgrade from './scripts/swarm/starling-upgrade.sh';
import readyUnit from './units/starling-ready.service';
import dockerSettings from './units/swarm/docker.conf';

/** Of dockerd itself; there before its first start. */
const DAEMON = {
  // The default has 172.31.0.0/16 in it, which is the network of the machines.
  'default-address-pools': [{ base: '172.20.0.0/14', size: 24 }],
  // Compressed, and with an end: the default would fill the disk.
  'log-driver': 'local',
  'log-opts': { 'max-size': '10m', 'max-file': '3' },
};

const BOTH: NodeFile[] = [
  script('starling-docker', docker),
  script('starling-engine', engine),
  script('starling-install', install),
  script('starling-ready', ready),
  script('starling-upgrade', upgrade),
  unit('starling-ready', readyUnit),
  { path: `${UNITS}/docker.service.d/50-starling.conf`, permissions: '0644', content: dockerSettings },
  { path: '/etc/docker/daemon.json', permissions: '0644', content: `${JSON.stringify(DAEMON, null, 2)}\n` },
  // Fingerprint 9DC8 5822 9FC7 DD38 854A E2D8 8D81 803C 0EBF CD88, as https://download.docker.com/linux/ubuntu/gpg has it.
  { path: '/etc/apt/keyrings/docker.asc', permissions: '0644', content: dockerKey },
];

/** What Docker Swarm needs beside the files of every engine. The engine's own unit comes with its package. */
export const SWARM_FILES: Record<NodeRole, NodeFile[]> = {
  master: [...BOTH, script('starling-rotate', rotate), script('starling-snapshot', snapshot)],
  agent: BOTH,
};
