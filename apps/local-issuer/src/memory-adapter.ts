import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

/**
 * Stores the tokens of one issuer in memory. oidc-provider has such an adapter too, but that one prints a warning.
 * oidc-provider checks `exp`.
 *
 * Nobody logs in here, so the functions for sessions, device codes and grants do nothing.
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
