/** A cookie in the worker protocol; optional values come wrapped. */
export interface RpcCookie {
  name: string;
  value: string;
  domain?: { value: string };
  path?: { value: string };
  expires?: { value: { seconds: number } };
  maxAge?: { value: number };
  secure?: { value: boolean };
  httpOnly?: { value: boolean };
  sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone';
}

const SAME_SITE: Record<string, string> = { lax: 'Lax', strict: 'Strict', explicitNone: 'None' };

export function toSetCookie(cookie: RpcCookie): string {
  const { domain, path, expires, maxAge, sameSite } = cookie;
  const attributes = [
    `${cookie.name}=${encodeURIComponent(cookie.value)}`,
    maxAge && `Max-Age=${maxAge.value}`,
    expires && `Expires=${new Date(expires.value.seconds * 1000).toUTCString()}`,
    domain && `Domain=${domain.value}`,
    path && `Path=${path.value}`,
    cookie.secure?.value && 'Secure',
    cookie.httpOnly?.value && 'HttpOnly',
    sameSite && SAME_SITE[sameSite] && `SameSite=${SAME_SITE[sameSite]}`,
  ];
  return attributes.filter(Boolean).join('; ');
}
