import { PassThrough, Readable, Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { vi } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.js';
import { run } from '../../src/program.js';
import type { System } from '../../src/terminal/system.js';

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Where a command starts. */
export interface Start {
  cwd?: string | undefined;
  env?: NodeJS.ProcessEnv;
}

/** Returns a clock on which a pause takes no time. It runs while the command pauses, and at no other time. */
function instantClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    pause: (ms) => {
      now += ms;
      return setImmediate();
    },
  };
}

/**
 * Runs the command in this process, without a terminal, and with only these variables in its environment.
 *
 * @param waits lets the pauses of the command take their time; by default they take none
 */
export async function introspect(
  args: readonly string[],
  { cwd, env = {}, stdin = '', waits = false }: Start & { stdin?: string; waits?: boolean } = {},
): Promise<Ended> {
  const printed = { stdout: '', stderr: '' };
  const system = systemOf({ cwd, env }, Readable.from(stdin === '' ? [] : [stdin]), {
    stdout: writable((text) => {
      printed.stdout += text;
    }),
    stderr: writable((text) => {
      printed.stderr += text;
    }),
  });
  const code = await runIn(system, args, waits ? systemClock : instantClock());
  return { code, ...printed };
}

/** Runs the command in this process at a terminal. Types each input as soon as the text that it `awaits` is shown. */
export async function introspectAtTerminal(
  args: readonly string[],
  { cwd, env = {}, inputs = [] }: Start & { inputs?: readonly { awaits: string; typed: string }[] },
): Promise<{ code: number | null; shown: string }> {
  const keyboard = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  const remaining = [...inputs];
  let shown = '';
  const screen = Object.assign(
    writable((text) => {
      shown += text;
      const [next] = remaining;
      if (next === undefined || !shown.includes(next.awaits)) return;
      remaining.shift();
      setTimeout(() => keyboard.write(next.typed), 0); // the prompt listens once it has been shown
    }),
    { isTTY: true, columns: 100, rows: 40 },
  );
  const code = await runIn(systemOf({ cwd, env }, keyboard, { stdout: screen, stderr: screen }), args, instantClock());
  return { code, shown };
}

/** The SDK writes some warnings by console.error. They belong to what the command writes to stderr. */
async function runIn(system: System, args: readonly string[], clock: Clock): Promise<number> {
  const warnings = vi.spyOn(console, 'error').mockImplementation((text) => void system.stderr.write(`${text}\n`));
  try {
    return await run(args, system, clock);
  } finally {
    warnings.mockRestore();
    system.stdin.destroy();
  }
}

function systemOf(
  { cwd = process.cwd(), env = {} }: Start,
  stdin: System['stdin'],
  { stdout, stderr }: Pick<System, 'stdout' | 'stderr'>,
): System {
  return { env, cwd: () => cwd, stdin, stdout, stderr };
}

function writable(receive: (text: string) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write(text, _, done) {
      receive(String(text));
      done();
    },
  });
}
