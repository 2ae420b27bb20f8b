import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

describe('the short form of pnpm chaos', () => {
  it('ends by itself without a wrong response, serves known tokens, and recovers within a second after an outage', async () => {
    const child = spawn(process.execPath, [main, '--short'], { env: { PATH: process.env.PATH ?? '' } });
    const printed = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text) => {
        printed[stream] += text;
      });
    }
    const [code] = await once(child, 'close');
    expect(printed.stdout).toMatch(/^wrong responses +0$/m);
    expect(printed.stdout).toMatch(/^known good tokens +0 not served$/m);
    expect(Number(/^time to recover +outage (\d+) ms/m.exec(printed.stdout)?.[1])).toBeLessThan(1000);
    expect(printed.stdout).not.toContain('FAILED');
    expect({ code, stderr: printed.stderr }).toEqual({ code: 0, stderr: '' });
  });
});
