import {
  type ActiveToken,
  Authorizer,
  type InvalidationTarget,
  isAuthorizationError,
  isIntrospectionError,
  type TransportRequest,
  type TransportResponse,
} from '../../../src/index.js';
import { VirtualTime } from '../../support/virtual-time.js';
import { History, type Introspection, type Outcome, type Request, tokenText } from './history.js';
import { Rules } from './rules.js';
import { type Setting, tokens } from './setting.js';
import { SharedStore, type StoreMode } from './shared-store.js';

/** How the server responds to an introspection. */
export type Reply =
  | { readonly kind: 'active'; readonly exp?: number }
  | { readonly kind: 'inactive' | 'broken' | 'reset' | 'garbage' | 'unauthorized' };

interface Held {
  readonly introspection: Introspection;
  resolve(response: TransportResponse): void;
  reject(fault: Error): void;
}

const responseOf = (status: number, body: string): TransportResponse => ({
  status,
  header: () => 'application/json',
  body,
});

/** The origins of the monotonic clocks of two processes, which differ. Quarters keep milliseconds exact. */
const clockOrigins = [1_000_000.25, 70_000_000.5];

/** Authorizers whose introspections wait until the model responds to them, and a judge of the outcomes. */
export class System {
  readonly time: VirtualTime;
  readonly history: History;
  readonly store: SharedStore;
  /** Introspections without a response, also those that no request waits for any longer. */
  readonly held: Held[] = [];
  readonly revoked = new Set<number>();
  readonly setting: Setting;
  readonly processes: readonly Authorizer[];
  readonly #rules: Rules;
  #requests = 0;
  #chance: number;

  constructor(setting: Setting, time = new VirtualTime(), store = new SharedStore(time)) {
    this.setting = setting;
    this.time = time;
    this.history = new History(this.time, setting);
    this.#rules = new Rules(this.history);
    this.store = store;
    this.#chance = setting.chance;
    this.processes = (setting.store === undefined ? [0] : [0, 1]).map((process) => this.#process(process));
  }

  /** Replaces `Math.random`, so that a run can be repeated. */
  readonly random = (): number => {
    this.#chance = (Math.imul(this.#chance, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#chance / 2 ** 32;
  };

  async settle(): Promise<void> {
    await this.time.settle();
    this.#throwViolations();
  }

  async advance(ms: number): Promise<void> {
    await this.time.advance(ms);
    const { timeoutMs, isWorkerd } = this.setting;
    // A request may wait for the store four times 250 ms and for another process, and on workerd also for two refreshes.
    const longestMs = (timeoutMs + 1100) * (isWorkerd ? 3 : 1);
    for (const { number, began } of this.history.pending) {
      if (this.time.elapsed - began.elapsed > longestMs) this.#violated(`request ${number} hangs`);
    }
    this.#throwViolations();
  }

  /** Checks that after enough time no request waits and no timer remains. */
  async finish(): Promise<void> {
    for (let times = 0; times < 4; times++) await this.advance(this.setting.timeoutMs + 1000);
    if (this.history.pending.size > 0) this.#violated(`${this.history.pending.size} requests hang`);
    if (this.time.timers > 0) this.#violated(`${this.time.timers} timers are left behind`);
    this.#throwViolations();
  }

  async request(process: number, token: number, maxResponseAgeSeconds: number | undefined): Promise<void> {
    const maxResponseAgeMs = (maxResponseAgeSeconds ?? Infinity) * 1000;
    const { history } = this;
    const request: Request = {
      number: this.#requests++,
      process,
      token,
      maxResponseAgeMs,
      known: this.#rules.known(process, token, maxResponseAgeMs),
      began: history.moment(),
      invalidatedBefore: history.thread({ process, token }).invalidated,
      controller: new AbortController(),
      settled: false,
    };
    const introspectionsBefore = history.introspections.length;
    history.pending.add(request);
    const { signal } = request.controller;
    const context = { authorization: `Bearer ${tokenText(token)}`, signal };
    this.#of(process)
      .authorize(context, maxResponseAgeSeconds === undefined ? {} : { maxResponseAgeSeconds })
      .then(
        (served) => this.#served(request, served),
        (error: unknown) => this.#rejected(request, error),
      );
    await this.time.settle();
    if (request.known !== undefined) this.#checkCacheHit(request, history.introspections.length - introspectionsBefore);
    this.#throwViolations();
  }

  async abort(nth: number): Promise<void> {
    const request = [...this.history.pending][nth % this.history.pending.size];
    request?.controller.abort('the caller left');
    await this.time.settle();
    if (request?.settled === false) this.#violated(`request ${request.number} waits although its caller left`);
    this.#throwViolations();
  }

  async respond(nth: number, reply: Reply): Promise<void> {
    const [held] = this.held.splice(nth % this.held.length, 1);
    if (held !== undefined) this.#reply(held, reply);
    await this.settle();
  }

  /** Returns the response of a server that knows which tokens are revoked. */
  truth(nth: number): Reply {
    const introspection = this.held[nth % this.held.length]?.introspection;
    return introspection !== undefined && this.revoked.has(introspection.token)
      ? { kind: 'inactive' }
      : { kind: 'active' };
  }

  async invalidate(process: number, target: InvalidationTarget): Promise<void> {
    const { history, store } = this;
    const asOf = history.moment();
    const wasUp = store.mode === 'works';
    history.invalidated(process, target, asOf);
    this.#of(process)
      .invalidate(target)
      .then(
        () => history.invalidatedEverywhere(process, target, asOf),
        (error: unknown) => {
          const mayFail = !wasUp || history.storeEverFailed;
          if (!mayFail || !isIntrospectionError(error)) this.#violated(`invalidate: ${String(error)}`);
        },
      );
    await this.settle();
  }

  /**
   * Invalidates a token before each response about it, so that the introspection is repeated while other requests
   * come.
   */
  async invalidateInLoop(process: number, token: number, times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      await this.invalidate(process, { token: tokenText(token) });
      if (i % 2 === 1) await this.request(process, token, undefined);
      const nth = this.held.findIndex(
        ({ introspection }) => introspection.process === process && introspection.token === token,
      );
      if (nth !== -1) await this.respond(nth, { kind: 'active' });
    }
  }

  async stepWall(ms: number): Promise<void> {
    this.time.wall += ms;
    this.history.lastStep = this.history.moment().order;
    await this.settle();
  }

  async switchStore(mode: StoreMode): Promise<void> {
    this.store.mode = mode;
    if (mode === 'slow') this.history.storeEverSlow = true;
    else if (mode !== 'works') this.history.storeEverFailed = true;
    await this.settle();
  }

  #process(process: number): Authorizer {
    const { cache, store, timeoutMs } = this.setting;
    return new Authorizer({
      introspectionEndpoint: 'https://issuer.example/introspect',
      clientId: 'api',
      clientSecret: 'secret',
      retry: { attempts: 1 },
      log: false,
      circuitBreaker: false,
      timeoutMs,
      now: () => this.history.wallOf(process),
      monotonicNow: () => this.time.elapsed + (clockOrigins[process] ?? 0),
      transport: (request) => this.#hold(process, request),
      cache: { ...cache, ...(store !== undefined && { store: this.store.seenBy(process, store) }) },
    });
  }

  #of(process: number): Authorizer {
    const authorizer = this.processes[process % this.processes.length];
    if (authorizer === undefined) throw new RangeError(`no process ${process}`);
    return authorizer;
  }

  #hold(process: number, { body = '', signal }: TransportRequest): Promise<TransportResponse> {
    const token = tokens.findIndex((_, index) => body.startsWith(`token=${tokenText(index)}&`));
    const introspection = this.history.introspected(process, token);
    return new Promise((resolve, reject) => {
      this.held.push({ introspection, resolve, reject });
      signal.addEventListener('abort', () => {
        const isLate = isIntrospectionError(signal.reason) && signal.reason.code === 'unavailable';
        if (introspection.ended === undefined) this.history.ended(introspection, isLate ? 'unavailable' : 'abandoned');
      });
    });
  }

  #reply({ introspection, resolve, reject }: Held, reply: Reply): void {
    const end = (outcome: Outcome, exp?: number) => {
      if (introspection.ended !== undefined) return;
      this.history.ended(introspection, outcome, exp);
      this.#rules.changed(introspection);
    };
    if (reply.kind === 'active') {
      const { exp } = reply;
      end('active', exp);
      const claims = { ...tokens[introspection.token], introspection: introspection.number, nested: { list: [1] } };
      resolve(responseOf(200, JSON.stringify({ active: true, ...claims, ...(exp !== undefined && { exp }) })));
    } else if (reply.kind === 'inactive') {
      end('inactive');
      resolve(responseOf(200, '{"active":false}'));
    } else if (reply.kind === 'reset') {
      end('unavailable');
      reject(new Error('ECONNRESET'));
    } else if (reply.kind === 'broken') {
      end('unavailable');
      resolve(responseOf(500, 'internal error'));
    } else if (reply.kind === 'unauthorized') {
      end('invalid_client');
      resolve(responseOf(401, ''));
    } else {
      end('invalid_response');
      resolve(responseOf(200, '<html>'));
    }
  }

  #settled(request: Request): void {
    request.settled = true;
    this.history.pending.delete(request);
  }

  #served(request: Request, token: ActiveToken): void {
    this.#settled(request);
    const problem = request.controller.signal.aborted ? 'its caller had left' : this.#rules.served(request, token);
    if (problem === undefined) return;
    this.#violated(`request ${request.number} was served by introspection ${token.introspection}: ${problem}`);
  }

  #rejected(request: Request, error: unknown): void {
    this.#settled(request);
    const { signal } = request.controller;
    if (signal.aborted && error === signal.reason) return;
    const problem = this.#whyNotRejected(request, error);
    if (problem !== undefined)
      this.#violated(`request ${request.number} was rejected with ${String(error)}: ${problem}`);
  }

  #whyNotRejected(request: Request, error: unknown): string | undefined {
    if (isAuthorizationError(error) && error.code === 'invalid_token') {
      return error.reason === 'inactive'
        ? this.#rules.rejectedInactive(request)
        : this.#rules.rejected(request, error.code, error.reason);
    }
    return isIntrospectionError(error) ? this.#rules.rejected(request, error.code, undefined) : 'it is unexpected';
  }

  /** Checks that a cached response serves synchronously, with at most one refresh in the background. */
  #checkCacheHit({ number, known, settled }: Request, introspections: number): void {
    const { cache, store } = this.setting;
    const ageMs = known === undefined ? 0 : this.history.ageMs(known);
    const { refreshAfterSeconds = cache.maxAgeSeconds * 0.8 } = cache;
    const isDue = refreshAfterSeconds !== false && ageMs >= refreshAfterSeconds * 1000 * 0.95;
    // With a store, this process may have an older response of its own.
    const mayRefresh = store === undefined ? isDue : refreshAfterSeconds !== false;
    const allowed = known?.outcome === 'active' && mayRefresh ? 1 : 0;
    if (!settled || introspections > allowed) {
      this.#violated(
        `request ${number} was introspected, although introspection ${known?.number} was ${known?.outcome}`,
      );
    }
  }

  #violated(problem: string): void {
    this.history.violations.push(problem);
  }

  #throwViolations(): void {
    const { store, cache } = this.setting;
    const hasBackground = store !== undefined || cache.refreshAfterSeconds !== false;
    if (!hasBackground && this.history.pending.size === 0 && this.time.timers > 0) {
      this.#violated(`${this.time.timers} timers are left behind`);
    }
    const violations = [...this.history.violations, ...this.store.violations];
    if (violations.length > 0) throw new Error(violations.join('; '));
  }
}
