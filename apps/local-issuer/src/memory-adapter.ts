import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

/**
 * Where one issuer keeps its tokens: in memory, for as long as it runs. (oidc-provider brings such an adapter
 * too, but prints a warning about it.) Judging `exp` is left to oidc-provider.
 *
 * Nobody logs in here, so what belongs to sessions, device codes and grants has nothing to do.
 */
export function memoryAdapter(): AdapterFactory {
  return (): Adapter => {
    const entries = new Map<string, AdapterPayload>();
    return {
      upsert: async (id, payload) => void entries.set(id, payload),
      find: async (id) => entries.get(id),
      destroy: async (id) => void entries.delete(id),
      findByUid: async () => undefined,
      findByUserCode: async () => undefined,
      consume: async () => {},
      revokeByGrantId: async () => {},
    };
  };
}
