import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('npm start -- --serve', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('leaves no server behind when npm gets a %s', async (signal) => {
    const npm = spawn('npm', ['start', '--', '--serve', '--port', '0'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(npm, 'exit');
    let printed = '';
    npm.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text;
    });
    await vi.waitFor(() => expect(printed).toContain('Ctrl-C ends everything'), { timeout: 240_000, interval: 100 });
    const origins = [...printed.matchAll(/^(?:Fastify|NestJS|Hono|Express): (\S+)$/gm)].map(([, origin]) => origin);
    expect(origins).toHaveLength(4);
    const lines = printed.split('\n');
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    expect(lines.findIndex((line) => line.startsWith('The local issuer'))).toBeLessThan(10); // npm prints 3 lines too
    npm.kill(signal);
    await ended;
    await vi.waitFor(
      async () => {
        for (const origin of origins) await expect(fetch(`${origin}/public`)).rejects.toThrow();
      },
      { timeout: 60_000, interval: 100 },
    );
  });
});
