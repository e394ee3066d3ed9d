import shutdownConfig from './manifests/kubelet-shutdown.yaml';
import registries from './manifests/registries.yaml';
import rbac from './manifests/starling-rbac.yaml';
import { LIBRARY, type NodeFile, type NodeRole, script, unit } from './node-file';
import engine from './scripts/k3s/starling-engine.sh';
import install from './scripts/k3s/starling-install.sh';
import rotate from './scripts/k3s/starling-rotate.sh';
import snapshot from './scripts/k3s/starling-snapshot.sh';
import upgrade from './scripts/k3s/starling-upgrade.sh';
import ready from './scripts/starling-ready.sh';
import k3sAgentUnit from './units/k3s/k3s-agent.service';
import k3sUnit from './units/k3s/k3s.service';
import readyUnit from './units/starling-ready.service';

const BOTH: NodeFile[] = [
  script('starling-engine', engine),
  script('starling-install', install),
  script('starling-upgrade', upgrade),
  { path: '/etc/rancher/k3s/registries.yaml', permissions: '0600', content: registries },
  {
    // The kubelet reads drop-ins in this directory, which k3s would otherwise make itself.
    path: '/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/50-starling-shutdown.conf',
    permissions: '0600',
    content: shutdownConfig,
  },
];

/** What k3s needs beside the files of every engine. Agents are known by their attested name and report nothing. */
export const K3S_FILES: Record<NodeRole, NodeFile[]> = {
  master: [
    ...BOTH,
    script('starling-ready', ready),
    script('starling-rotate', rotate),
    script('starling-snapshot', snapshot),
    { path: `${LIBRARY}/starling-rbac.yaml`, permissions: '0644', content: rbac },
    unit('k3s', k3sUnit),
    unit('starling-ready', readyUnit),
  ],
  agent: [...BOTH, unit('k3s-agent', k3sAgentUnit)],
};
