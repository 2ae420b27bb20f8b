import fc from 'fast-check';
import type { CacheOptions } from '../../../src/index.js';
import type { StoreKind } from './shared-store.js';

/** The tokens of the model, and their claims. Values are shared, also between different claims. */
export const tokens = [
  { sub: 'ann', jti: '1', client_id: 'web' },
  { sub: 'ann', jti: '2', client_id: 'app' },
  { sub: 'bob', jti: '3', client_id: 'web' },
  { sub: 'bob', client_id: 'app' },
  { sub: 'web', jti: 'ann', client_id: 'bob' },
  {},
] as const satisfies readonly { sub?: string; jti?: string; client_id?: string }[];

/** Token indexes, some more often than others, so that much happens to these tokens. */
export const tokenIndex = fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4, 5);

const secrets = ['the current secret of the model....', 'the previous secret of the model...'] as const;

/** The configuration of one run of the model. */
export interface Setting {
  readonly cache: Required<Omit<CacheOptions, 'store' | 'storeSecret' | 'refreshAfterSeconds' | 'maxBytes'>> & {
    storeSecret?: string | readonly [string, string];
    refreshAfterSeconds?: number | false;
  };
  /** Undefined for one process without a shared store. */
  readonly store: StoreKind | undefined;
  /** Whether the model runs as on workerd, where requests share no promise: each has an introspection of its own. */
  readonly isWorkerd: boolean;
  readonly timeoutMs: number;
  /** By how much the wall clock of the second process is ahead of the first one's. Undefined: not at all. */
  readonly wallDifferenceMs?: number;
  /** Whether the wall clock may be stepped. */
  readonly clockSteps: boolean;
  /** The seed of `Math.random` in the code under test. */
  readonly chance: number;
}

export const settings: fc.Arbitrary<Setting> = fc
  .record({
    maxAgeSeconds: fc.constantFrom(2, 10, 60, 300),
    inactiveMaxAgeSeconds: fc.constantFrom(0, 3, 10),
    refreshPart: fc.constantFrom('default' as const, false as const, false as const, 0.1, 0.5, 0.9),
    stalePart: fc.constantFrom(0, 1, 2, 5),
    maxEntries: fc.constantFrom(1, 2, 3, 100, 100, 100),
    frontEntries: fc.constantFrom(0, 1, 2, 512),
    localMaxAgeSeconds: fc.constantFrom(0, 1, 5, 30),
    store: fc.constantFrom<(StoreKind | undefined)[]>(undefined, undefined, 'plain', 'lease', 'notifies', 'both'),
    secrets: fc.constantFrom(undefined, secrets[0], secrets),
    isWorkerd: fc.constantFrom(false, false, false, true),
    timeoutMs: fc.constantFrom(2000, 5000),
    clockSteps: fc.boolean(),
    chance: fc.nat(),
  })
  .map(({ store, isWorkerd, timeoutMs, clockSteps, chance, refreshPart, stalePart, secrets, ...cache }) => ({
    cache: {
      ...cache,
      ...(refreshPart !== 'default' && { refreshAfterSeconds: refreshPart && cache.maxAgeSeconds * refreshPart }),
      ...(secrets !== undefined && { storeSecret: secrets }),
      maxAgeIfErrorSeconds: cache.maxAgeSeconds * stalePart,
    },
    store,
    isWorkerd,
    timeoutMs,
    clockSteps,
    chance,
  }));
