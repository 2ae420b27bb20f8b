import { LRUCache } from 'lru-cache';
import * as v from 'valibot';
import { checkedOptions, optionsObject } from '../options.js';
import type { RequestContext } from '../request/request-context.js';
import { sharesPromises } from '../runtime/workerd.js';
import { isAuthorizer } from './any-authorizer.js';
import type { Authorizer } from './authorizer.js';
import { type AuthorizerStats, combinedStats } from './authorizer-stats.js';
import {
  type AuthorizerMembers,
  allOf,
  type Choice,
  ChoosingAuthorizer,
  type Selector,
} from './choosing-authorizer.js';

/** The options of {@link tenants}. */
export interface TenantsOptions {
  /**
   * How many authorizers stay open. The least recently used one is evicted: it is closed when its running decisions
   * and watches have ended.
   *
   * @default 100
   */
  max?: number;
}

const maxMessage = 'must be a whole number of authorizers, at least 1';
const schema = optionsObject({
  max: v.optional(v.pipe(v.number(maxMessage), v.integer(maxMessage), v.minValue(1, maxMessage)), 100),
});

/**
 * Returns an authorizer for an API with many tenants. It makes the authorizer of a tenant at the tenant's first request, and
 * keeps it for later requests. Pass it to an adapter, or call its methods, like those of any other authorizer.
 *
 * Each tenant has its own cache, limits and circuit breaker. Concurrent first requests of a tenant share one `load`. A failed
 * `load` is not cached: the next request loads again.
 *
 * A token of an unknown tenant is rejected with 401 (`issuer_mismatch`), without a request. A policy is checked when it is
 * declared; what depends on the tenant's options, such as `rolesOf`, is checked at the tenant's first request.
 * `invalidate`, `ready` and `close` apply to the tenants that are loaded. `stats` has the sums, also of evicted ones.
 * `resourceMetadata` throws: each tenant has a document of its own.
 *
 * @example
 * ```ts
 * const authorizer = tenants(
 *   ({ header }) => header?.('host')[0],
 *   async (host) => new Authorizer(await optionsOf(host)),
 * );
 * ```
 * @param tenantOf returns the tenant of a request, or `undefined` if it has none. It must be synchronous
 * @param load returns a new authorizer for a tenant, or `undefined` if there is no such tenant. An error of this package
 * that it throws becomes the response, and any other one is passed on to the framework
 * @throws TypeError naming the parameter or the option
 */
export function tenants<Claims = unknown, Scope extends string = string, Role extends string = string>(
  tenantOf: (request: RequestContext) => string | undefined,
  load: (
    tenant: string,
  ) => Authorizer<Claims, Scope, Role> | undefined | Promise<Authorizer<Claims, Scope, Role> | undefined>,
  options: TenantsOptions = {},
): Authorizer<Claims, Scope, Role> {
  for (const given of [tenantOf, load]) {
    if (typeof given !== 'function')
      throw new TypeError('tenants: pass two functions: tenantOf(request) and load(tenant)');
  }
  const { max } = checkedOptions('tenants', schema, options);
  const selector = new TenantSelector<Authorizer<Claims, Scope, Role>>(tenantOf, load, max);
  const chosen: AuthorizerMembers<Claims, Scope, Role> = new ChoosingAuthorizer(selector, {
    issuers: [],
    acceptedIssuers: [],
    resource: undefined,
    frontEntries: 0,
  });
  return chosen as Authorizer<Claims, Scope, Role>;
}

/** The members that do not depend on claims and vocabularies. */
type Closeable = Pick<Authorizer, 'stats' | 'close'>;

interface Tenant<Member> {
  readonly authorizer: Member;
  /** How many running decisions and watches use it. */
  inUse: number;
  isEvicted: boolean;
}

class TenantSelector<Member extends Closeable> implements Selector<Member> {
  readonly fixed: readonly Member[] = [];
  readonly #tenantOf: (request: RequestContext) => string | undefined;
  readonly #load: (tenant: string) => Member | undefined | Promise<Member | undefined>;
  readonly #loaded: LRUCache<string, Tenant<Member>>;
  readonly #loading = new Map<string, Promise<Tenant<Member> | undefined>>();
  /** Evicted tenants that are still in use. */
  readonly #ending = new Set<Tenant<Member>>();
  #closedStats: AuthorizerStats = combinedStats([]);
  #isClosed = false;

  constructor(
    tenantOf: (request: RequestContext) => string | undefined,
    load: (tenant: string) => Member | undefined | Promise<Member | undefined>,
    max: number,
  ) {
    this.#tenantOf = tenantOf;
    this.#load = load;
    this.#loaded = new LRUCache({ max, dispose: (tenant) => this.#evict(tenant) });
  }

  members(): readonly Member[] {
    return this.#tenants().map(({ authorizer }) => authorizer);
  }

  choose(request: RequestContext): Choice<Member> | undefined | Promise<Choice<Member> | undefined> {
    const name: unknown = this.#tenantOf(request);
    if (name === undefined) return undefined;
    if (typeof name !== 'string') throw new TypeError('tenants: tenantOf(request) must return a string or undefined');
    const loaded = this.#loaded.get(name);
    if (loaded !== undefined) return this.#use(loaded);
    return this.#shared(name).then((tenant) => tenant && this.#use(tenant));
  }

  stats(): AuthorizerStats {
    return combinedStats([this.#closedStats, ...this.members().map((each) => each.stats())]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await allOf(this.members().map((each) => each.close()));
  }

  resourceMetadata(): never {
    throw new TypeError(
      'tenants: each tenant has resource metadata of its own, and one document for all would list the tenants. Serve protectedResourceMetadata({ resource, issuer }) of the requested tenant in a route of your own',
    );
  }

  /** Concurrent calls share one load, except on workerd. */
  #shared(name: string): Promise<Tenant<Member> | undefined> {
    const running = this.#loading.get(name);
    if (running !== undefined) return running;
    const loading = this.#loadNow(name).finally(() => this.#loading.delete(name));
    if (sharesPromises()) this.#loading.set(name, loading);
    return loading;
  }

  async #loadNow(name: string): Promise<Tenant<Member> | undefined> {
    const authorizer: Member | undefined = await this.#load(name);
    if (authorizer === undefined) return undefined;
    if (!isAuthorizer(authorizer)) throw new TypeError('tenants: load(tenant) must return an Authorizer or undefined');
    if (this.#isClosed) await authorizer.close();
    const tenant = { authorizer, inUse: 0, isEvicted: false };
    this.#loaded.set(name, tenant);
    return tenant;
  }

  #use(tenant: Tenant<Member>): Choice<Member> {
    tenant.inUse++;
    const release = () => {
      tenant.inUse--;
      this.#closeIfUnused(tenant);
    };
    return { authorizer: tenant.authorizer, release };
  }

  #evict(tenant: Tenant<Member>): void {
    tenant.isEvicted = true;
    this.#ending.add(tenant);
    // Later, because a request that waited for its load is about to use it.
    queueMicrotask(() => this.#closeIfUnused(tenant));
  }

  #closeIfUnused(tenant: Tenant<Member>): void {
    if (!tenant.isEvicted || tenant.inUse > 0 || !this.#ending.delete(tenant)) return;
    const { requests, lookups, shed } = tenant.authorizer.stats();
    this.#closedStats = combinedStats([this.#closedStats, { ...combinedStats([]), requests, lookups, shed }]);
    void tenant.authorizer.close();
  }

  #tenants(): readonly Tenant<Member>[] {
    return [...this.#loaded.values(), ...this.#ending];
  }
}
