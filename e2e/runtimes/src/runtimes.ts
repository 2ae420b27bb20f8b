import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Settings } from './runtime-case.js';
import { workerdConfiguration } from './workerd-configuration.js';

export type Command = readonly [file: string, ...args: string[]];

/** One way to serve the app. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  /** On workerd, requests share no promise, and only a signal ends the process. */
  readonly isWorkerd: boolean;
  /** Serves the app on a free port, and prints `{"port": …, "version": …}` as its first line; workerd has no version. */
  command(settings: Settings): Promise<Command>;
  /** The program of docs/recipes.md for this runtime. Absent if there is none. */
  readonly recipe?: {
    readonly program: string;
    command(file: string, environment: Readonly<Record<string, string>>): Promise<Command>;
  };
}

const binaries = fileURLToPath(new URL('../binaries/', import.meta.url));

/**
 * Returns each runtime of `binaries`, at the version in its package.json.
 *
 * @param folder where the packages are installed as packed. In this repository, Bun would use the paths of a tsconfig.json
 */
export function runtimesIn(folder: string): Runtime[] {
  const built = (file: string) => join(folder, 'dist', file);
  const binary = (path: string) => join(binaries, 'node_modules', path);
  const bun = binary('bun/bin/bun.exe');

  function process(name: string, version: string, ...command: [file: string, ...args: string[]]): Runtime {
    return { name, version, isWorkerd: false, command: async (settings) => [...command, JSON.stringify(settings)] };
  }

  function workerd(version: string, flags: readonly string[]): Runtime {
    const options = ['--socket-addr=http=127.0.0.1:0', '--control-fd=1'];
    const workerdBinary = binary('workerd/bin/workerd');
    return {
      name: ['workerd', version, ...flags].join(' '),
      version,
      isWorkerd: true,
      async command(settings) {
        const file = await workerdConfiguration(built('workerd.js'), { SETTINGS: settings }, flags);
        return [workerdBinary, 'serve', file, ...options];
      },
      // Without Node's modules, a Worker has no `process.env`.
      ...(flags.length === 0 && {
        recipe: {
          program: 'worker.js',
          command: async (module, environment) => [
            workerdBinary,
            'serve',
            await workerdConfiguration(module, environment, flags),
            ...options,
          ],
        },
      }),
    };
  }

  function runsOf(alias: string, version: string): Runtime[] {
    switch (alias) {
      case 'bun':
        return [
          {
            ...process(`Bun ${version}`, version, bun, built('bun.js')),
            recipe: { program: 'bun.js', command: async (file) => [bun, file] },
          },
        ];
      case 'deno': {
        const permissions = ['--allow-net=127.0.0.1', '--allow-env=JEST_WORKER_ID,UNDICI_NO_WASM_SIMD']; // undici's
        const command = [
          binary('deno/deno'),
          'run',
          '--quiet',
          '--no-prompt',
          ...permissions,
          built('deno.js'),
        ] as const;
        const [deno] = command;
        return [
          {
            ...process(`Deno ${version}`, version, ...command),
            recipe: {
              program: 'deno.js',
              command: async (file) => [deno, 'run', '--no-prompt', '--allow-net', '--allow-env', file],
            },
          },
        ];
      }
      case 'workerd':
        return [workerd(version, []), workerd(version, ['no_nodejs_compat', 'no_nodejs_compat_v2'])]; // the default has Node's modules
      default: {
        const node = binary(`${alias}/bin/node`);
        return [
          process(`Node ${version}, ES module`, version, node, built('node.js')),
          process(`Node ${version}, CommonJS`, version, node, built('node.cjs')),
        ];
      }
    }
  }

  const { optionalDependencies } = JSON.parse(readFileSync(join(binaries, 'package.json'), 'utf8')) as {
    optionalDependencies: Readonly<Record<string, string>>;
  };
  return Object.entries(optionalDependencies).flatMap(([alias, specifier]) =>
    runsOf(alias, specifier.slice(specifier.lastIndexOf('@') + 1)),
  );
}
