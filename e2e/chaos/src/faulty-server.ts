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

/** Something that the server said of a token. */
export interface Word {
  readonly at: number;
  readonly active: boolean;
  /** The token was good, and was called inactive. */
  readonly lie: boolean;
}

/** For how long something was so. */
export interface Span {
  readonly from: number;
  until: number;
}

const answers = {
  truncated: () => truncated('{"active":true,"sub":"somebody else"}', 15),
  'status 500': zitadelResponses.databaseDown,
  'status 429': () => respond({ status: 429, headers: { 'retry-after': '1' }, body: 'quota exhausted' }),
  html: () => respond({ headers: { 'content-type': 'text/html' }, body: '<h1>Maintenance</h1>' }),
  hangs: hangBeforeHeaders,
};

/** `garbage` is the first four of {@link answers} in turn; in an `outage` the port is closed. */
export type Fault = 'healthy' | 'outage' | 'slow' | 'blip' | 'garbage' | keyof typeof answers;

/** Those in which the cache may take the server for unreachable, and for how long it may do so afterwards. */
const unreachable: Partial<Record<Fault, number>> = {
  outage: 1000,
  garbage: 1000,
  truncated: 1000,
  'status 500': 1000,
  'status 429': 1000,
  hangs: 3500, // an attempt that has begun takes 2.5 s to be given up
};
/** Those that look like answers: the server is there, and nothing stale is served. */
const confusing: readonly Fault[] = ['html', 'garbage'];
const slowMs = 300;
const blipMs = 1000;

/** An authorization server that fails as it is told, and remembers what it said. Times are `performance.now()`. */
export interface FaultyServer {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The good ones, with their claims. */
  readonly tokens: Map<string, { readonly sub: string }>;
  /** When each question came. */
  readonly questions: readonly number[];
  /** When it could be taken for unreachable. */
  readonly unreachable: readonly Span[];
  /** When it gave answers that are none. */
  readonly confusing: readonly Span[];
  words(token: string): readonly Word[];
  /** Is like this from now on. */
  turn(fault: Fault): Promise<void>;
  close(): Promise<void>;
}

/** Starts one; it is healthy. */
export async function startFaultyServer(): Promise<FaultyServer> {
  const credentials = { clientId: 'chaos', clientSecret: 'chaos secret' };
  const tokens = new Map<string, { readonly sub: string }>();
  const words = new Map<string, Word[]>();
  const questions: number[] = [];
  const spans = { unreachable: [] as Span[], confusing: [] as Span[] };
  const zitadel = likeZitadel({ ...credentials, tokens });
  let current: Fault = 'healthy';
  let server: ScriptedServer | undefined = await startScriptedServer(credentials);
  const { origin } = server;
  const port = Number(new URL(origin).port);

  const say = (token: string, active: boolean) => {
    const word = { at: performance.now(), active, lie: !active && tokens.has(token) };
    words.set(token, [...(words.get(token) ?? []), word]);
  };
  const truth: ScriptedResponse = (response, request) => {
    const token = request.form.get('token') ?? '';
    say(token, tokens.has(token));
    zitadel(response, request);
  };
  const lie: ScriptedResponse = (response, request) => {
    say(request.form.get('token') ?? '', false);
    inactive()(response, request);
  };
  const answerOf = (fault: Fault): ScriptedResponse => {
    const since = performance.now();
    const inTurn = [answers.html, answers.truncated, answers['status 500'], answers['status 429']];
    switch (fault) {
      case 'healthy':
      case 'outage':
        return truth;
      case 'slow':
        return (...both) => void setTimeout(() => truth(...both), slowMs);
      case 'blip':
        return (...both) => (performance.now() - since < blipMs ? lie : truth)(...both);
      case 'garbage':
        return (...both) => (inTurn[questions.length % inTurn.length] ?? answers.html)()(...both);
      default:
        return answers[fault]();
    }
  };
  const script = (scripted: ScriptedServer, fault: Fault) => {
    const answer = answerOf(fault);
    scripted.always((...both) => {
      questions.push(performance.now());
      answer(...both);
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
    questions,
    words: (token) => words.get(token) ?? [],
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
