/** Checks of single options. They need no library, so that the presets for servers load none. */

/** Returns what is wrong with an inherited option, or `undefined` if the object does not inherit it. */
export function inheritedProblem(name: string, options: object): string | undefined {
  if (!(name in options) || Object.hasOwn(options, name)) return undefined;
  return 'is inherited, for example from a class: set it on the options object itself';
}

/** Returns what is wrong with an option that may be left out, but must have a value if it is present. */
export function unsetProblem(name: string, options: object): string | undefined {
  if (!(name in options)) return undefined;
  const inherited = inheritedProblem(name, options);
  if (inherited !== undefined) return inherited;
  const value: unknown = Reflect.get(options, name);
  const advice = 'leave it out, or give a value; is an environment variable unset?';
  if (value === undefined) return `is undefined: ${advice}`;
  if (value === '') return `must not be empty: ${advice}`;
  return typeof value === 'string' ? undefined : 'must be a string';
}
