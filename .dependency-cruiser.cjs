// Which folder of the core, of the CLI and of the testing package may import which. `npm test` runs it.
// docs/architecture.md shows the picture of the core.
const base = ['errors', 'runtime'];
const beside = [...base, 'protocol', 'events', 'options.ts'];
const allowed = {
  errors: [],
  runtime: [],
  'options.ts': [],
  events: base,
  transport: base,
  request: base,
  protocol: [...base, 'transport'],
  cache: beside,
  client: [...beside, 'transport'],
  policy: [...beside, 'request'], // a policy's `check` gets the request
  lookup: [...beside, 'transport', 'request', 'cache', 'client', 'policy'],
  authorizer: [...beside, 'transport', 'request', 'cache', 'client', 'policy', 'lookup'],
  // These import the rest by the package's name, as their users do, so that there is only one copy of it.
  adapter: ['runtime', 'options.ts'],
  'extensions/([^/]+)': ['extensions/$1', 'extensions/explain', 'runtime', 'options.ts'],
};
const src = 'packages/introspect-core/src/';
const cli = 'packages/introspect-cli/src/';
const testing = 'packages/introspect-testing/src/';
const matching = (names) => `^${src}(${names.join('|')})(/|$)`;

module.exports = {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'Files must not import each other in a circle, not even for types.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...Object.entries(allowed).map(([folder, others]) => ({
      name: `imports-of-${folder.split('/')[0]}`,
      comment: `${folder} may import only: ${others.join(', ') || 'nothing of ours'}.`,
      severity: 'error',
      from: { path: `^${src}${folder}(/|$)` },
      to: { path: `^${src}`, pathNot: matching([...(folder.includes('/') ? [] : [folder]), ...others]) },
    })),
    {
      name: 'imports-of-commands',
      comment: 'A command of the CLI must not import another command.',
      severity: 'error',
      from: { path: `^${cli}commands/([^/]+)/` },
      to: { path: `^${cli}commands/`, pathNot: `^${cli}commands/$1/` },
    },
    {
      name: 'imports-of-what-commands-share',
      comment: 'Only program.ts imports the commands.',
      severity: 'error',
      from: { path: `^${cli}`, pathNot: `^${cli}(commands/|program\\.ts$)` },
      to: { path: `^${cli}commands/` },
    },
    {
      name: 'imports-of-the-management-api',
      comment: 'Only the entry point /zitadel has the management API of ZITADEL.',
      severity: 'error',
      from: { path: `^${testing}`, pathNot: `^${testing}zitadel/` },
      to: { path: `^${testing}zitadel/` },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    includeOnly: `^(${src}|${cli}|${testing})`,
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
  },
};
