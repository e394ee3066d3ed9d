import { join } from 'node:path';
import type { LocalPki } from '../../azure/pki';
import { createRealMachines, type RealMachines, type RealMachinesDependencies } from './driver';
import type { NodeParts } from './prepare';
import { k3sReleases, RELEASES_HOST } from './releases';

export type { RealMachines } from './driver';
export { APP_ADDRESS } from './fabric';
export { NoRealNodes, prepareRealNodes, type NodeParts } from './prepare';

interface RealNodesOptions extends Omit<
  RealMachinesDependencies,
  'image' | 'gatewayEntry' | 'releases' | 'releasesCertificate'
> {
  /** Holds dist/ of the built app. */
  appDir: string;
  parts: NodeParts;
  pki: Pick<LocalPki, 'issueServerCertificate'>;
}

/** Real nodes, with a stand-in for the release page of k3s where a binary was given. */
export async function startRealNodes({ appDir, parts, pki, ...rest }: RealNodesOptions): Promise<RealMachines> {
  const gatewayEntry = join(appDir, 'dist/local/vm/real/gateway.js');
  const { base, k3sBinary } = parts;
  if (k3sBinary === undefined) return createRealMachines({ ...rest, gatewayEntry, image: { base } });
  const certificate = pki.issueServerCertificate({ names: [RELEASES_HOST] });
  return createRealMachines({
    ...rest,
    gatewayEntry,
    image: { base, releases: { host: RELEASES_HOST, caPem: certificate.caPem } },
    releases: await k3sReleases(k3sBinary),
    releasesCertificate: certificate,
  });
}
