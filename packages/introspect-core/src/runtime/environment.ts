/** Environment variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where an option is read from if it is absent. */
export interface OptionVariable {
  readonly option: string;
  readonly variable: string;
}

/**
 * Returns the options that are absent from `given` and set in the environment. An empty variable counts as not set.
 *
 * @param owner the function that the user has called, for the error message
 * @param required groups of options; one option of each group must be given or set
 * @param env the environment, `globalThis.process?.env` if undefined
 * @throws TypeError that names every missing variable
 */
export function optionsFromEnvironment(
  owner: string,
  given: object,
  {
    variables,
    required,
    env = globalThis.process?.env ?? {},
  }: {
    variables: readonly OptionVariable[];
    required: readonly (readonly string[])[];
    env: Environment | undefined;
  },
): Readonly<Record<string, string>> {
  const read = Object.fromEntries(
    variables.flatMap(({ option, variable }) => {
      const value = option in given ? undefined : readVariable(env, variable);
      return value ? [[option, value]] : [];
    }),
  );
  const missing = required.filter((group) => !group.some((option) => option in given || option in read));
  if (missing.length === 0) return read;
  const named = missing.map((group) =>
    group.flatMap((option) => variables.filter((each) => each.option === option).map(({ variable }) => variable)),
  );
  const options = missing.map(([option]) => `"${option}"`).join(', ');
  throw new TypeError(
    `${owner}: set the environment variables ${named.map((names) => names.join(' or ')).join(', ')}, or pass the options ${options}`,
  );
}

/** Deno throws if the program has no permission to read the variable: then it counts as not set. */
function readVariable(env: Environment, variable: string): string | undefined {
  try {
    return env[variable];
  } catch {
    return undefined;
  }
}
