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
import { History, type Outcome, type Question, type Request, tokenText } from './history.js';
import { Rules } from './rules.js';
import { type Setting, tokens } from './setting.js';
import { SharedStore, type StoreMode } from './shared-store.js';

/** What the server says to a question. */
export type Reply =
  | { readonly kind: 'active'; readonly exp?: number }
  | { readonly kind: 'inactive' | 'broken' | 'reset' | 'garbage' | 'refused' };

interface Held {
  readonly question: Question;
  resolve(response: TransportResponse): void;
  reject(fault: Error): void;
}

const respond = (status: number, body: string): TransportResponse => ({
  status,
  header: () => 'application/json',
  body,
});

/** Monotonic clocks of two processes have nothing in common; the quarters keep milliseconds exact. */
const clockOrigins = [1_000_000.25, 70_000_000.5];

/** Authorizers whose every question waits until it is answered by hand, and a judge of what they do with the answers. */
export class System {
  readonly time = new VirtualTime();
  readonly history: History;
  readonly store: SharedStore;
  /** Questions that are not answered; also those for whose answer nobody waits. */
  readonly held: Held[] = [];
  readonly revoked = new Set<number>();
  readonly setting: Setting;
  readonly processes: readonly Authorizer[];
  readonly #rules: Rules;
  #requests = 0;
  #chance: number;

  constructor(setting: Setting) {
    this.setting = setting;
    this.history = new History(this.time, setting);
    this.#rules = new Rules(this.history);
    this.store = new SharedStore(this.time);
    this.#chance = setting.chance;
    this.processes = (setting.store === undefined ? [0] : [0, 1]).map((process) => this.#process(process));
  }

  /** In place of `Math.random`, so that a run can be repeated. */
  readonly random = (): number => {
    this.#chance = (Math.imul(this.#chance, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#chance / 2 ** 32;
  };

  async settle(): Promise<void> {
    await this.time.settle();
    this.#complain();
  }

  async advance(ms: number): Promise<void> {
    await this.time.advance(ms);
    const { timeoutMs, isWorkerd } = this.setting;
    // A store may be waited for, four times 250 ms; and where renewals are not left to the background, two of them.
    const longestMs = (timeoutMs + 1000) * (isWorkerd ? 3 : 1);
    for (const { number, began } of this.history.pending) {
      if (this.time.elapsed - began.elapsed > longestMs) this.#violated(`request ${number} hangs`);
    }
    this.#complain();
  }

  /** After everything has had its time, nobody waits, and no timer is left behind. */
  async finish(): Promise<void> {
    for (let times = 0; times < 4; times++) await this.advance(this.setting.timeoutMs + 1000);
    if (this.history.pending.size > 0) this.#violated(`${this.history.pending.size} requests hang`);
    if (this.time.timers > 0) this.#violated(`${this.time.timers} timers are left behind`);
    this.#complain();
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
      forgottenBefore: history.thread({ process, token }).forgotten,
      controller: new AbortController(),
      settled: false,
    };
    const questionsBefore = history.questions.length;
    history.pending.add(request);
    const { signal } = request.controller;
    const context = { authorization: `Bearer ${tokenText(token)}`, signal };
    this.#of(process)
      .authorize(context, maxResponseAgeSeconds === undefined ? {} : { maxResponseAgeSeconds })
      .then(
        (served) => this.#served(request, served),
        (error: unknown) => this.#refused(request, error),
      );
    await this.time.settle();
    if (request.known !== undefined) this.#askedInVain(request, history.questions.length - questionsBefore);
    this.#complain();
  }

  async abort(nth: number): Promise<void> {
    const request = [...this.history.pending][nth % this.history.pending.size];
    request?.controller.abort('the caller left');
    await this.time.settle();
    if (request?.settled === false) this.#violated(`request ${request.number} waits although its caller left`);
    this.#complain();
  }

  async answer(nth: number, reply: Reply): Promise<void> {
    const [held] = this.held.splice(nth % this.held.length, 1);
    if (held !== undefined) this.#reply(held, reply);
    await this.settle();
  }

  /** What a server says that knows which tokens are revoked. */
  truth(nth: number): Reply {
    const question = this.held[nth % this.held.length]?.question;
    return question !== undefined && this.revoked.has(question.token) ? { kind: 'inactive' } : { kind: 'active' };
  }

  async forget(process: number, target: InvalidationTarget): Promise<void> {
    const { history, store } = this;
    const asOf = history.moment();
    const wasUp = store.mode === 'works';
    history.forgot(process, target, asOf);
    this.#of(process)
      .invalidate(target)
      .then(
        () => history.forgotEverywhere(process, target, asOf),
        (error: unknown) => {
          const mayFail = !wasUp || history.storeEverFailed;
          if (!mayFail || !isIntrospectionError(error)) this.#violated(`forget: ${String(error)}`);
        },
      );
    await this.settle();
  }

  /** Forgets a token before each response about it, so that the introspection is repeated while other requests come. */
  async forgetInLoop(process: number, token: number, times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      await this.forget(process, { token: tokenText(token) });
      if (i % 2 === 1) await this.request(process, token, undefined);
      const nth = this.held.findIndex(({ question }) => question.process === process && question.token === token);
      if (nth !== -1) await this.answer(nth, { kind: 'active' });
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
      circuitBreaker: false,
      timeoutMs,
      now: () => this.time.wall,
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
    const question = this.history.asked(process, token);
    return new Promise((resolve, reject) => {
      this.held.push({ question, resolve, reject });
      signal.addEventListener('abort', () => {
        const isLate = isIntrospectionError(signal.reason) && signal.reason.code === 'unavailable';
        if (question.ended === undefined) this.history.ended(question, isLate ? 'unavailable' : 'abandoned');
      });
    });
  }

  #reply({ question, resolve, reject }: Held, reply: Reply): void {
    const end = (outcome: Outcome, exp?: number) => {
      if (question.ended !== undefined) return;
      this.history.ended(question, outcome, exp);
      this.#rules.changed(question);
    };
    if (reply.kind === 'active') {
      const { exp } = reply;
      end('active', exp);
      const claims = { ...tokens[question.token], question: question.number, nested: { list: [1] } };
      resolve(respond(200, JSON.stringify({ active: true, ...claims, ...(exp !== undefined && { exp }) })));
    } else if (reply.kind === 'inactive') {
      end('inactive');
      resolve(respond(200, '{"active":false}'));
    } else if (reply.kind === 'reset') {
      end('unavailable');
      reject(new Error('ECONNRESET'));
    } else if (reply.kind === 'broken') {
      end('unavailable');
      resolve(respond(500, 'internal error'));
    } else if (reply.kind === 'refused') {
      end('invalid_client');
      resolve(respond(401, ''));
    } else {
      end('invalid_response');
      resolve(respond(200, '<html>'));
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
    this.#violated(`request ${request.number} was served by question ${token.question}: ${problem}`);
  }

  #refused(request: Request, error: unknown): void {
    this.#settled(request);
    const { signal } = request.controller;
    if (signal.aborted && error === signal.reason) return;
    const problem = this.#whyNotRefused(request, error);
    if (problem !== undefined)
      this.#violated(`request ${request.number} was refused with ${String(error)}: ${problem}`);
  }

  #whyNotRefused(request: Request, error: unknown): string | undefined {
    if (isAuthorizationError(error) && error.code === 'invalid_token') {
      return error.reason === 'inactive'
        ? this.#rules.refusedInactive(request)
        : this.#rules.refused(request, error.code, error.reason);
    }
    return isIntrospectionError(error) ? this.#rules.refused(request, error.code, undefined) : 'it is unexpected';
  }

  /** What is known serves at once; when it is about to be renewed, one question is asked beside it. */
  #askedInVain({ number, known, settled }: Request, questions: number): void {
    const { cache, store } = this.setting;
    const ageMs = known === undefined ? 0 : this.history.ageMs(known);
    const isDue = ageMs >= (cache.refreshAfterSeconds ?? Infinity) * 1000 * 0.95;
    const mayRenew = store === undefined ? isDue : cache.refreshAfterSeconds !== undefined; // an older one of its own
    const allowed = known?.outcome === 'active' && mayRenew ? 1 : 0;
    if (!settled || questions > allowed) {
      this.#violated(`request ${number} asked, although question ${known?.number} was answered ${known?.outcome}`);
    }
  }

  #violated(what: string): void {
    this.history.violations.push(what);
  }

  #complain(): void {
    const { store, cache } = this.setting;
    const hasBackground = store !== undefined || cache.refreshAfterSeconds !== undefined;
    if (!hasBackground && this.history.pending.size === 0 && this.time.timers > 0) {
      this.#violated(`${this.time.timers} timers are left behind`);
    }
    const violations = [...this.history.violations, ...this.store.violations];
    if (violations.length > 0) throw new Error(violations.join('; '));
  }
}
