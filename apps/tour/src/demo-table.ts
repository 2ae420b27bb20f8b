import type { Demo } from 'demo';
import { demoSettings } from 'demo';
import { startFastifyDemo } from 'fastify-demo';
import { startHonoDemo } from 'hono-demo';
import { startNestjsDemo } from 'nestjs-demo';

const starters = { Fastify: startFastifyDemo, NestJS: startNestjsDemo, Hono: startHonoDemo };

/** The three demo APIs, running. */
export interface Demos {
  readonly byName: Readonly<Record<string, Demo>>;
  close(): Promise<void>;
}

/** Starts all three, each on a free port, with what the environment says of the authorization server. */
export async function startDemos(environment: NodeJS.ProcessEnv): Promise<Demos> {
  const { PORT: _, RESOURCE: __, ...settings } = environment;
  const byName: Record<string, Demo> = {};
  for (const [name, start] of Object.entries(starters)) byName[name] = await start(await demoSettings(settings));
  return {
    byName,
    close: async () => void (await Promise.all(Object.values(byName).map((demo) => demo.close()))),
  };
}

/** A request, made to each demo alike. */
export interface DemoRequest {
  title: string;
  method?: string;
  path: string;
  token?: string;
}

export interface DemoRow {
  title: string;
  /** What each answered, in short, by the framework's name. */
  answers: Readonly<Record<string, string>>;
  /** Whether status, challenge and body were the same, each demo's own address aside. */
  alike: boolean;
}

/** Makes one request to each demo. */
export async function askDemos(demos: Demos, { title, method = 'GET', path, token }: DemoRequest): Promise<DemoRow> {
  const answers: Record<string, string> = {};
  const whole = new Set<string>();
  for (const [name, { origin }] of Object.entries(demos.byName)) {
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    const body = await response.text();
    const challenge = response.headers.get('www-authenticate');
    answers[name] = [response.status, /"error":"(\w+)"/.exec(body)?.[1]].filter(Boolean).join(' ');
    whole.add(`${response.status} ${challenge} ${body}`.replaceAll(origin, 'self'));
  }
  return { title, answers, alike: whole.size === 1 };
}

/** The rows as a table of text. */
export function table(rows: readonly DemoRow[]): string {
  const names = Object.keys(starters);
  const cells = [
    ['', ...names, ''],
    ...rows.map(({ title, answers, alike }) => [title, ...names.map((name) => answers[name] ?? ''), alike ? '=' : '≠']),
  ];
  const widths = ['', ...names, ''].map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) => `   ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd()).join('\n');
}
