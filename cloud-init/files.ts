import shutdownConfig from './manifests/kubelet-shutdown.yaml';
import registries from './manifests/registries.yaml';
import rbac from './manifests/starling-rbac.yaml';
import attest from './scripts/starling-attest.sh';
import blockImds from './scripts/starling-block-imds.sh';
import events from './scripts/starling-events.sh';
import install from './scripts/starling-install.sh';
import join from './scripts/starling-join.sh';
import json from './scripts/starling-json.sh';
import leave from './scripts/starling-leave.sh';
import ready from './scripts/starling-ready.sh';
import rotate from './scripts/starling-rotate.sh';
import storage from './scripts/starling-storage.sh';
import upgrade from './scripts/starling-upgrade.sh';
import k3sAgentUnit from './units/k3s-agent.service';
import k3sUnit from './units/k3s.service';
import blockImdsUnit from './units/starling-block-imds.service';
import eventsUnit from './units/starling-events.service';
import joinUnit from './units/starling-join.service';
import leaveUnit from './units/starling-leave.service';
import readyUnit from './units/starling-ready.service';
import storageUnit from './units/starling-storage.service';

/** What a node is given. The app is one bundled file with nothing beside it, so the texts are part of the bundle. */
export interface NodeFile {
  path: string;
  /** Octal, as text: YAML would make a number of it, which cloud-init refuses. */
  permissions: '0600' | '0644' | '0755';
  content: string;
}

const LIBRARY = '/usr/local/lib/starling';
const UNITS = '/etc/systemd/system';

const script = (name: string, content: string): NodeFile => ({
  path: `${LIBRARY}/${name}.sh`,
  permissions: '0755',
  content,
});
const unit = (name: string, content: string): NodeFile => ({
  path: `${UNITS}/${name}.service`,
  permissions: '0644',
  content,
});

const SHARED: NodeFile[] = [
  script('starling-json', json),
  script('starling-attest', attest),
  script('starling-block-imds', blockImds),
  script('starling-events', events),
  script('starling-install', install),
  script('starling-join', join),
  script('starling-leave', leave),
  script('starling-storage', storage),
  script('starling-upgrade', upgrade),
  unit('starling-block-imds', blockImdsUnit),
  unit('starling-events', eventsUnit),
  unit('starling-join', joinUnit),
  unit('starling-leave', leaveUnit),
  unit('starling-storage', storageUnit),
  { path: '/etc/rancher/k3s/registries.yaml', permissions: '0600', content: registries },
  {
    // The kubelet reads drop-ins in this directory, which k3s would otherwise make itself.
    path: '/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/50-starling-shutdown.conf',
    permissions: '0600',
    content: shutdownConfig,
  },
];

export const NODE_FILES: Record<'master' | 'agent', NodeFile[]> = {
  master: [
    ...SHARED,
    script('starling-ready', ready),
    script('starling-rotate', rotate),
    { path: `${LIBRARY}/starling-rbac.yaml`, permissions: '0644', content: rbac },
    unit('k3s', k3sUnit),
    unit('starling-ready', readyUnit),
  ],
  agent: [...SHARED, unit('k3s-agent', k3sAgentUnit)],
};

/** Names of a role's units, in the order in which they are to be started; the engine's starts itself later. */
export const unitNames = (files: NodeFile[]): string[] =>
  files.filter(({ path }) => path.startsWith(UNITS)).map(({ path }) => path.slice(UNITS.length + 1));
