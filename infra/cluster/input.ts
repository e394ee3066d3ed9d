import type { ClusterSpec } from '../../shared/model/cluster';

export interface ClusterTemplateInput {
  cluster: string;
  spec: ClusterSpec;
  app: {
    url: string;
    /** Resource id of the function app that is told of changes. */
    functionAppId: string;
    /** Its Event Grid function. */
    eventFunctionName: string;
    /** May reach the masters' API; empty when the app is inside the network and needs no door. */
    outboundAddresses: string[];
  };
  /** Base64, without secrets: every reader of the deployment can read it. */
  customData: { master: (index: number) => string; agent: string };
  /** Short hash, lower-case letters and digits, the same at every deployment of this cluster. */
  suffix: string;
}

/** What of a cluster a template describes: all of it, network and storage, or one master that is to be made anew. */
export type TemplatePart = 'all' | 'storage' | `master${number}`;
