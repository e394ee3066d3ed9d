import { EXIT } from './exit-codes';
import { Failure } from './failure';

/** As the Azure CLI, PowerShell, an environment or a managed identity has signed in. Never shows the token. */
export async function entraHeader(resource: string): Promise<Record<string, string>> {
  const credential = await remembered();
  try {
    const token = await credential.getToken(`${resource.replace(/\/+$/, '')}/.default`);
    return { authorization: `Bearer ${token.token}` };
  } catch (error) {
    throw new Failure(
      'SIGN_IN_FAILED',
      `Entra ID gave no token for ${resource}: ${firstLine(error)}`,
      'sign in with az login, or set STARLING_KEY',
      EXIT.refused,
    );
  }
}

interface Credential {
  getToken(scope: string): Promise<{ token: string }>;
}

/** The credential caches its tokens, so one serves every request of this run. */
let credential: Promise<Credential> | undefined;
const remembered = (): Promise<Credential> => (credential ??= load());

/** Half of the start-up time would go into this library, which most runs do not need. */
async function load(): Promise<Credential> {
  // eslint-disable-next-line no-restricted-syntax -- loaded when it is needed; a package, so no layer is crossed
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential();
}

const firstLine = (error: unknown): string => String((error as Error).message ?? error).split('\n')[0] ?? '';
