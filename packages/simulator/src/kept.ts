// JSON values as a store keeps them: copies that nobody can change, so that they need not be copied again when they are read.

/**
 * The value as it will always be. Parts that were kept before are shared: what is read and put back changed, such as an outbox
 * entry with another state, costs what changed.
 */
export function keptOf<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(keptOf)) as Value;
  const copy = { ...value } as Record<string, unknown>;
  for (const name in copy) {
    const part = copy[name];
    if (typeof part === 'object' && part !== null) copy[name] = keptOf(part);
    // As JSON text would leave it out.
    else if (part === undefined) delete copy[name];
  }
  return Object.freeze(copy) as Value;
}
