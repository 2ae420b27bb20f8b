import { vi } from 'vitest';
import type { Clocks } from './clocks.js';

/** A store that several authorizers can share. Its entries end by the given monotonic clock. */
export function mapStore(clocks: Clocks) {
  const entries = new Map<string, { value: string; until: number }>();
  return {
    entries,
    get: vi.fn(async (key: string) => {
      const entry = entries.get(key);
      return entry !== undefined && clocks.monotonicMs < entry.until ? entry.value : undefined;
    }),
    set: vi.fn(async (key: string, value: string, ttlMs: number) => {
      entries.set(key, { value, until: clocks.monotonicMs + ttlMs });
    }),
    delete: vi.fn(async (key: string) => void entries.delete(key)),
  };
}
