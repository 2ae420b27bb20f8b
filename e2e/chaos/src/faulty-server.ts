import {
  hangBeforeHeaders,
  inactive,
  likeZitadel,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
  truncated,
  zitadelResponses,
} from '@acme/introspect-testing';

/** What the server responded about a token, and when. */
export interface Statement {
  readonly at: number;
  readonly active: boolean;
  /** Whether the token was good, but the server responded that it was inactive. */
  readonly lie: boolean;
}

/** A period of time. */
export interface Span {
  readonly from: number;
  until: number;
}

const faultyResponses = {
  truncated: () => truncated('{"active":true,"sub":"somebody else"}', 15),
  'status 500': zitadelResponses.databaseDown,
  'status 429': () => respond({ status: 429, headers: { 'retry-after': '1' }, body: 'quota exhausted' }),
  html: () => respond({ headers: { 'content-type': 'text/html' }, body: '<h1>Maintenance</h1>' }),
  hangs: hangBeforeHeaders,
};

/**
 * In an `outage`, the port is closed. `garbage` takes turns among four of {@link faultyResponses}. `wrongly inactive` means
 * that all tokens are inactive for the first second.
 */
export type Fault = 'healthy' | 'outage' | 'slow' | 'wrongly inactive' | 'garbage' | keyof typeof faultyResponses;

/** The faults during which the cache may treat the server as unreachable, and for how many ms afterwards. */
const unreachable: Partial<Record<Fault, number>> = {
  outage: 1000,
  garbage: 1000,
  truncated: 1000,
  'status 500': 1000,
  'status 429': 1000,
  hangs: 3500, // an attempt ends after 2.5 s
};
/** The faults with which the server is reachable, so that no stale response is served. */
const confusing: readonly Fault[] = ['html', 'garbage'];
const slowMs = 300;
const wronglyInactiveMs = 1000;

/** An authorization server that fails on command, and records its responses. Times are `performance.now()`. */
export interface FaultyServer {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The good tokens, with their claims. */
  readonly tokens: Map<string, { readonly sub: string }>;
  /** When each introspection request arrived. */
  readonly introspections: readonly number[];
  /** The periods in which the cache may treat it as unreachable. */
  readonly unreachable: readonly Span[];
  /** The periods in which its responses were invalid. */
  readonly confusing: readonly Span[];
  statements(token: string): readonly Statement[];
  /** Starts a fault, and ends the one before. */
  turn(fault: Fault): Promise<void>;
  close(): Promise<void>;
}

/** Starts a server, which is healthy. */
export async function startFaultyServer(): Promise<FaultyServer> {
  const credentials = { clientId: 'chaos', clientSecret: 'chaos secret' };
  const tokens = new Map<string, { readonly sub: string }>();
  const statements = new Map<string, Statement[]>();
  const introspections: number[] = [];
  const spans = { unreachable: [] as Span[], confusing: [] as Span[] };
  const zitadel = likeZitadel({ ...credentials, tokens });
  let current: Fault = 'healthy';
  let server: ScriptedServer | undefined = await startScriptedServer(credentials);
  const { origin } = server;
  const port = Number(new URL(origin).port);

  const record = (token: string, active: boolean) => {
    const statement = { at: performance.now(), active, lie: !active && tokens.has(token) };
    statements.set(token, [...(statements.get(token) ?? []), statement]);
  };
  const truth: ScriptedResponse = (response, request) => {
    const token = request.form.get('token') ?? '';
    record(token, tokens.has(token));
    zitadel(response, request);
  };
  const lie: ScriptedResponse = (response, request) => {
    record(request.form.get('token') ?? '', false);
    inactive()(response, request);
  };
  const responseFor = (fault: Fault): ScriptedResponse => {
    const since = performance.now();
    const inTurn = [
      faultyResponses.html,
      faultyResponses.truncated,
      faultyResponses['status 500'],
      faultyResponses['status 429'],
    ];
    switch (fault) {
      case 'healthy':
      case 'outage':
        return truth;
      case 'slow':
        return (...both) => void setTimeout(() => truth(...both), slowMs);
      case 'wrongly inactive':
        return (...both) => (performance.now() - since < wronglyInactiveMs ? lie : truth)(...both);
      case 'garbage':
        return (...both) => (inTurn[introspections.length % inTurn.length] ?? faultyResponses.html)()(...both);
      default:
        return faultyResponses[fault]();
    }
  };
  const script = (scripted: ScriptedServer, fault: Fault) => {
    const respondWith = responseFor(fault);
    scripted.always((...both) => {
      introspections.push(performance.now());
      respondWith(...both);
    });
  };
  const end = (among: Span[], lingerMs: number) => {
    for (const span of among) span.until = Math.min(span.until, performance.now() + lingerMs);
  };
  const begin = () => ({ from: performance.now(), until: Number.POSITIVE_INFINITY });
  script(server, current);

  return {
    ...credentials,
    ...spans,
    issuer: origin,
    tokens,
    introspections,
    statements: (token) => statements.get(token) ?? [],
    turn: async (fault) => {
      if (fault in unreachable) spans.unreachable.push(begin());
      if (confusing.includes(fault)) spans.confusing.push(begin());
      if (fault === 'outage') {
        await server?.close();
        server = undefined;
      } else {
        server ??= await startScriptedServer({ ...credentials, port });
        script(server, fault);
      }
      if (!(fault in unreachable)) end(spans.unreachable, unreachable[current] ?? 0);
      if (!confusing.includes(fault)) end(spans.confusing, 0);
      current = fault;
    },
    close: async () => server?.close(),
  };
}
