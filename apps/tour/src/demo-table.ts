import { type Demo, demoSettings } from 'demo';
import { startExpressDemo } from 'express-demo';
import { startFastifyDemo } from 'fastify-demo';
import { startHonoDemo } from 'hono-demo';
import { startNestjsDemo } from 'nestjs-demo';

const starters = {
  Fastify: startFastifyDemo,
  NestJS: startNestjsDemo,
  Hono: startHonoDemo,
  Express: startExpressDemo,
};

/** The demo APIs, running. */
export interface Demos {
  readonly byName: Readonly<Record<string, Demo>>;
  close(): Promise<void>;
}

/** Starts all demos on these ports. Without ports, they listen on free ones and do not log failures: the tour shows them. */
export async function startDemos(environment: NodeJS.ProcessEnv, ports?: readonly number[]): Promise<Demos> {
  const { PORT: _, RESOURCE: __, ...settings } = environment;
  const byName: Record<string, Demo> = {};
  for (const [index, [name, start]] of Object.entries(starters).entries()) {
    const port = ports?.[index];
    const { authorizer, ...others } = await demoSettings({ ...settings, ...(port && { PORT: String(port) }) });
    byName[name] = await start({
      ...others,
      authorizer: { ...authorizer, ...(ports === undefined && { log: false }) },
    });
  }
  return {
    byName,
    close: async () => void (await Promise.all(Object.values(byName).map((demo) => demo.close()))),
  };
}

/** A request that is sent to each demo. */
export interface DemoRequest {
  title: string;
  method?: string;
  path: string;
  token?: string;
}

export interface DemoRow {
  title: string;
  /** The status and the error of each response, by the name of the framework. */
  responses: Readonly<Record<string, { status: number; error: string | undefined }>>;
  /** Whether status, challenge and body are equal, except for the demo's own address. */
  equal: boolean;
}

/** Sends one request to each demo. */
export async function requestDemos(
  demos: Demos,
  { title, method = 'GET', path, token }: DemoRequest,
): Promise<DemoRow> {
  const responses: Record<string, { status: number; error: string | undefined }> = {};
  const whole = new Set<string>();
  for (const [name, { origin }] of Object.entries(demos.byName)) {
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    const body = await response.text();
    const challenge = response.headers.get('www-authenticate');
    responses[name] = { status: response.status, error: /"error":"(\w+)"/.exec(body)?.[1] };
    whole.add(`${response.status} ${challenge} ${body}`.replaceAll(origin, 'self'));
  }
  return { title, responses, equal: whole.size === 1 };
}

/** Returns the rows as a table. Equal errors appear once. */
export function table(rows: readonly DemoRow[]): string {
  const names = Object.keys(starters);
  const cells = rows.map(({ title, responses, equal }) => [
    title,
    ...names.map((name) => String(responses[name]?.status ?? '')),
    equal ? '=' : '≠',
    [...new Set(names.map((name) => responses[name]?.error ?? ''))].join(' / '),
  ]);
  return aligned([['', ...names, '', 'error'], ...cells]);
}

/** Returns rows of cells as text, with columns of equal width. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `   ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd()).join('\n');
}
