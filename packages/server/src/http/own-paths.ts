// What the server keeps for itself, also beside a protocol at the root: the native protocol, health, and the description of all.

export const ownPaths = ['/v1', '/healthz', '/readyz', '/api-docs'] as const;
