export interface Step {
  /** Of the Makefile. */
  target: string;
  /** What the Makefile calls, without the cluster's name; a test compares the two. */
  starling: string[];
  why: string;
  /** Names no cluster. */
  isAnywhere?: true;
  /** Minutes of Azure that have to pass first, and why. */
  waits?: { minutes: number; because: string };
}

/** The recommended sequences of both old READMEs, one after the other on the same cluster. `az login` has no part here. */
export const STEPS: Step[] = [
  {
    target: 'keys',
    starling: ['keys', '--out', 'keys/cluster'],
    why: 'An SSH key pair, made on this machine.',
    isAnywhere: true,
  },
  {
    target: 'deploy-storage',
    starling: ['up', '--only', 'storage'],
    why: 'Network and shared storage; no machine yet.',
  },
  {
    target: 'params',
    starling: ['params', '--out', 'parameters/tour.yaml'],
    why: 'What will be deployed, as a file to look at.',
    isAnywhere: true,
  },
  {
    target: 'deploy-compute',
    starling: ['up', '--yes'],
    why: 'One master and three agents, each of which proves who it is before it joins.',
  },
  { target: 'view-deployment', starling: ['deployment'], why: 'Each resource of the deployment.' },
  { target: 'list-agents', starling: ['nodes'], why: 'The nodes.' },
  {
    target: 'deploy-monitor',
    starling: ['workload', 'apply', 'monitor'],
    why: 'A monitor, behind the masters’ ingress.',
  },
  { target: 'list-endpoints', starling: ['endpoints'], why: 'Where to open it.' },
  {
    target: 'deploy-replicated-service',
    starling: ['workload', 'apply', 'replicated', '--replicas', '8'],
    why: 'A web service with eight copies.',
  },
  { target: 'scale-service-4', starling: ['workload', 'scale', 'replicated', '4'], why: 'Half of them are enough.' },
  { target: 'scale-agents-7', starling: ['scale', '7', '--yes'], why: 'Four more agents.' },
  {
    target: 'scale-service-16',
    starling: ['workload', 'scale', 'replicated', '16'],
    why: 'More copies, which spread over them.',
  },
  {
    target: 'scale-agents-3',
    starling: ['scale', '3', '--yes'],
    why: 'Four agents less: drained first, and the copies move.',
  },
  {
    target: 'chaos-monkey',
    starling: ['chaos', 'run', '--action', 'restart', '--fraction', '1'],
    why: 'Every agent is restarted, in random order, one after another.',
    waits: { minutes: 10, because: 'chaos leaves alone what is younger than ten minutes' },
  },
  {
    target: 'stop-agents',
    starling: ['stop', '--agents'],
    why: 'All agents are drained and deallocated: the cluster costs one machine.',
  },
  { target: 'start-agents', starling: ['start', '--agents'], why: 'They come back.' },
  { target: 'destroy-cluster', starling: ['down', '--yes'], why: 'Everything is deleted, and it is proved.' },
];
