import type { KubernetesObject, V1Namespace } from '@kubernetes/client-node';
import { refuse, type Outcome, type Refusal } from '../../../model/errors';
import type { WorkloadChange } from '../../../model/workload';
import type { KubeClients } from '../connection';
import { isKubeStatus, readKubeFailure, translatedKube, type KubeFailure } from '../errors';
import { inParallel } from '../parallel';
import { kindOf, pathOf } from './kinds';
import { namespaceOf } from './labels';
import { objectsOf, podSecurityOf } from './objects';
import {
  findNamespace,
  idOf,
  namespaceFor,
  readRecord,
  sameObject,
  type ObjectId,
  type WorkloadRecord,
} from './record';

/** Tries of a hundred objects are one after the other a second or two, and a small master has two cores. */
const CONCURRENCY = 8;
/** What the API server says of an object that it does not want; anything else is trouble of the server or the connection. */
const REFUSALS = [400, 403, 404, 405, 409, 413, 415, 422];
/** What does not fit the schema of its kind is answered as 500 (kubernetes/kubernetes issue 139253). */
const NO_SUCH_FIELD = 'failed to create typed patch object';

const isRefusal = ({ status, message }: KubeFailure): boolean =>
  REFUSALS.includes(status) || (status === 500 && message.startsWith(NO_SUCH_FIELD));

/**
 * Makes or changes a workload: what is written down first is what there may be, then the objects, then those go that the
 * change leaves out. The engine is asked about all of them before the first is made, so that a refusal leaves nothing half
 * done. Safe to run again after a crash at any point.
 */
export function applyWorkload(clients: KubeClients, change: WorkloadChange): Promise<Outcome<object>> {
  return translatedKube(`apply the workload ${change.name}`, async () => {
    const made = objectsOf(change);
    if (!made.ok) return made;
    const found = await findNamespace(clients.core, change.name);
    const taken = whyTaken(found, change);
    if (taken) return taken;
    return write(clients, { change, objects: made.objects, before: found && readRecord(found) });
  });
}

function whyTaken(found: V1Namespace | undefined, { name, kind }: WorkloadChange): Refusal | undefined {
  if (!found) return undefined;
  const before = readRecord(found);
  if (!before) return refuse('WORKLOAD_REFUSED', `the namespace ${namespaceOf(name)} is somebody else's`);
  if (found.metadata?.deletionTimestamp)
    return refuse('WORKLOAD_REFUSED', `the former workload ${name} is still being removed; send the request again`);
  if (before.kind === kind) return undefined;
  return refuse('INVALID_REQUEST', `kind: ${name} is of kind ${before.kind}; remove it first, or take another name`);
}

interface Writing {
  change: WorkloadChange;
  objects: KubernetesObject[];
  before: WorkloadRecord | undefined;
}

async function write(clients: KubeClients, writing: Writing): Promise<Outcome<object>> {
  const { change, objects, before } = writing;
  const wanted = objects.map(idOf);
  const dropped = (before?.objects ?? []).filter((old) => !wanted.some((id) => sameObject(id, old)));
  await note(clients, change, [...wanted, ...dropped]);
  const refused = await tryAll(clients, writing);
  if (refused) {
    await (before ? note(clients, change, before.objects, before.mark) : forget(clients, change.name));
    return refused;
  }
  for (const object of objects) {
    const refusal = await applyOne(clients, object, { dryRun: false });
    if (refusal) return refusal; // somebody changed it since it was tried
  }
  await prune(clients, change.name, dropped);
  await note(clients, change, wanted, change.mark);
  return { ok: true };
}

const note = (clients: KubeClients, change: WorkloadChange, objects: ObjectId[], mark?: string): Promise<void> =>
  clients.plain.apply(
    `/api/v1/namespaces/${namespaceOf(change.name)}`,
    namespaceFor({ name: change.name, kind: change.kind, objects, mark }, podSecurityOf(change)),
  );

/** The namespace was made for a workload that the engine does not want. */
const forget = ({ plain }: KubeClients, name: string): Promise<void> =>
  plain.remove(`/api/v1/namespaces/${namespaceOf(name)}`);

/** Why the engine would refuse one of them. */
async function tryAll(clients: KubeClients, { objects }: Writing): Promise<Refusal | undefined> {
  const answers = await inParallel(objects, CONCURRENCY, (object) => applyOne(clients, object, { dryRun: true }));
  return answers.find((answer) => answer !== undefined);
}

async function applyOne(
  { plain }: KubeClients,
  object: KubernetesObject,
  how: { dryRun: boolean },
): Promise<Refusal | undefined> {
  const path = pathOfObject(idOf(object), object.metadata?.namespace ?? '');
  try {
    await plain.apply(path, object, how);
    return undefined;
  } catch (error) {
    const failure = readKubeFailure(error);
    if (!failure || !isRefusal(failure)) throw error;
    return refuse('WORKLOAD_REFUSED', `${object.kind} ${object.metadata?.name}: ${failure.message}`);
  }
}

async function prune({ plain }: KubeClients, workload: string, dropped: ObjectId[]): Promise<void> {
  await inParallel(dropped, CONCURRENCY, async (id) => {
    try {
      await plain.remove(pathOfObject(id, namespaceOf(workload)));
    } catch (error) {
      if (!isKubeStatus(error, 404)) throw error; // gone already
    }
  });
}

function pathOfObject(id: ObjectId, namespace: string): string {
  const kind = kindOf(id);
  if (!kind) throw new Error(`${id.kind} of ${id.apiVersion} is nothing that a workload may have`);
  return pathOf(kind, namespace, id.name);
}
