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

/**
 * Returns the given options of a preset, and the absent ones that are set in the environment. `issuer` is required, and
 * so are `clientId` and `clientSecret`, except with `clientAuthentication`.
 *
 * @param owner the preset, for the error message
 * @param names the preset's own options. They are left out of `given`, because an authorizer does not have them
 * @param credentials the variables of `clientId` and `clientSecret`
 * @throws TypeError that names every missing variable
 */
export function presetInput<Options extends object & { env?: Environment }>(
  owner: string,
  options: Options,
  {
    names,
    variables,
    credentials,
  }: { names: readonly string[]; variables: readonly OptionVariable[]; credentials: readonly OptionVariable[] },
): { given: Options; read: Readonly<Record<string, string>> } {
  // A spread would leave out options that are not enumerable.
  const others = Object.getOwnPropertyNames(options).filter((name) => !names.includes(name));
  const given = Object.fromEntries(others.map((name) => [name, Reflect.get(options, name)])) as Options;
  const needed = 'clientAuthentication' in options ? [] : credentials;
  const read = optionsFromEnvironment(owner, options, {
    variables: [...variables, ...needed],
    required: [['issuer'], ...needed.map(({ option }) => [option])],
    env: options.env,
  });
  return { given, read };
}

/** Deno throws if the program has no permission to read the variable: then it counts as not set. */
function readVariable(env: Environment, variable: string): string | undefined {
  try {
    return env[variable];
  } catch {
    return undefined;
  }
}
