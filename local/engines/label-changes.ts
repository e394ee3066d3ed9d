/** Sample: `{"tier": "gold", "old": null}`; `null` removes. Undefined when the body is anything else. */
export function parseLabelChanges(body: string): Record<string, string | null> | undefined {
  try {
    const labels = JSON.parse(body) as unknown;
    const isText = (value: unknown): boolean => value === null || typeof value === 'string';
    const isMap = typeof labels === 'object' && labels !== null && Object.values(labels).every(isText);
    return isMap ? (labels as Record<string, string | null>) : undefined;
  } catch {
    return undefined;
  }
}

/** The labels after the changes. */
export function withChanges(
  labels: Record<string, string> | undefined,
  changes: Record<string, string | null>,
): Record<string, string> {
  const kept = Object.entries({ ...labels, ...changes }).filter(([, value]) => value !== null);
  return Object.fromEntries(kept) as Record<string, string>;
}
