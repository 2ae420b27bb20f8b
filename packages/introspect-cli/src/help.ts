/** The parts of a command's help that follow its options. */
export interface HelpSections {
  /** The variables that no option names, with what they contain. */
  readonly variables: Readonly<Record<string, string>>;
  /** Complete command lines. */
  readonly examples: readonly string[];
}

const commonVariables = {
  INTROSPECTION_ENDPOINT: 'Internal URL of the endpoint, as register writes it',
  NODE_EXTRA_CA_CERTS: 'PEM file of certificate authorities that Node trusts beside its own',
  NO_COLOR: 'Turn colours off',
  FORCE_COLOR: 'Turn colours on without a terminal',
};

/** Returns the sections as text. */
export function helpText({ variables, examples }: HelpSections): string {
  const rows = Object.entries({ ...variables, ...commonVariables });
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    '',
    'Environment:',
    '  Options override the variables in parentheses. Secrets have no option.',
    ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`),
    '',
    'Examples:',
    ...examples.map((line) => `  $ ${line}`),
  ].join('\n');
}
