import type { DeploymentPart, RenderDeployment, World } from '../../shared/ports';

type Rendered = ReturnType<RenderDeployment>;

/** `customDataMaster1`, as the cluster template names it. */
const MASTER_DATA = /^customDataMaster(\d)$/;

/**
 * What is about to be submitted, with the customData that masters were made with: Azure refuses any other for a VM that is
 * there (`PropertyChangeNotAllowed`), and a version, or a release of Starling, since then has changed it. For those made
 * anew their own deployment knows it. One call, and one more for each master.
 */
export async function withMasterDataKept(world: World, cluster: string, rendered: Rendered): Promise<Rendered> {
  const deployed = await world.cloud.getDeployment(cluster);
  if (!deployed) return rendered;
  const whole = valuesOf(deployed.parameters);
  const parameters = { ...rendered.parameters };
  for (const key of Object.keys(parameters)) {
    const [, index] = MASTER_DATA.exec(key) ?? [];
    if (index === undefined) continue;
    const part: DeploymentPart = `master${Number(index)}`;
    const own = valuesOf((await world.cloud.getDeployment(cluster, part))?.parameters);
    const value = own[key]?.value ?? whole[key]?.value;
    if (value !== undefined) parameters[key] = { value };
  }
  return { ...rendered, parameters };
}

const valuesOf = (parameters: unknown): Record<string, { value?: unknown } | undefined> =>
  (parameters ?? {}) as Record<string, { value?: unknown } | undefined>;
