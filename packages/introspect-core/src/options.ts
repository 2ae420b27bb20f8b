import * as v from 'valibot';

/**
 * Checks an options object, once and at construction, and returns a copy of it.
 *
 * Messages name the option and what it must be, never the value: it may be a secret.
 *
 * @throws TypeError
 */
export function checkedOptions<const Schema extends v.GenericSchema>(
  owner: string,
  schema: Schema,
  options: unknown,
): v.InferOutput<Schema> {
  if (Array.isArray(options)) throw new TypeError(`${owner}: the options must be an object`);
  const result = v.safeParse(schema, options, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue);
  throw new TypeError(
    path === null ? `${owner}: the options ${issue.message}` : `${owner}: "${path}" ${issue.message}`,
  );
}

/**
 * A schema for an options object that refuses what it does not know, by name, and what is only inherited: a copy of the
 * object, such as by a spread, would lose it without a word.
 */
export function optionsObject<const Entries extends v.ObjectEntries>(entries: Entries) {
  type Options = v.InferInput<v.StrictObjectSchema<Entries, undefined>>;
  return v.pipe(
    v.custom<Options>((given) => typeof given === 'object' && given !== null, 'must be an object'),
    v.rawCheck(({ dataset: { value: input }, addIssue }) => {
      const key = inheritedName(Object(input), Object.keys(entries));
      if (key === undefined) return;
      addIssue({
        message: inherited,
        path: [{ type: 'object', origin: 'key', input: Object(input), key, value: null }],
      });
    }),
    v.transform((given): Options => ownMembers(Object(given)) as Options),
    v.strictObject(entries, (issue) => {
      if (issue.expected === 'never') return `is no option; there are ${Object.keys(entries).join(', ')}`;
      return 'must be an object';
    }),
  );
}

/** What is wrong with an option that {@link inheritedName} finds. */
export const inherited = 'is inherited: it must be a property of the options object itself';

/**
 * The first name that an object does not have itself, but by its prototype: one of `names`, such as a getter of its class, or
 * any other that a loop over it finds. Ignores other methods.
 */
export function inheritedName(options: object, names: readonly string[]): string | undefined {
  const found = names.filter((name) => name in options);
  for (const name in options) if (typeof Reflect.get(options, name) !== 'function') found.push(name);
  return found.find((name) => !Object.hasOwn(options, name) && !(name in Object.prototype));
}

/** An object without these members, and with the prototype of the given one, so that what it inherits is still seen. */
export function withoutMembers(options: object, names: readonly string[]): object {
  const others = Object.entries(Object.getOwnPropertyDescriptors(options)).filter(([name]) => !names.includes(name));
  return Object.create(Object.getPrototypeOf(options), Object.fromEntries(others));
}

/** A copy of what an object has itself, whether or not a spread would copy it, and nothing that it inherits. */
export function ownMembers(options: object): Record<string, unknown> {
  const names = Object.getOwnPropertyNames(options);
  return Object.assign(
    Object.create(null),
    Object.fromEntries(names.map((name) => [name, Reflect.get(options, name)])),
  );
}

/** Why an option is not the value that it should be: most often it was read from the environment. */
const unsetVariable = 'is an environment variable unset?';
const unset = `leave it out, or give a value; ${unsetVariable}`;
/** What is wrong with a text or a list that is empty. */
export const isEmpty = `must not be empty: ${unset}`;
/**
 * An option that may be left out, but must not be `undefined`: it narrows access, or carries credentials, and must not be
 * lost without a word.
 */
export function narrowing<const Schema extends v.GenericSchema>(schema: Schema) {
  return v.exactOptional(
    v.pipe(
      v.custom<v.InferInput<Schema>>((given) => given !== undefined, `is undefined: ${unset}`),
      schema,
    ),
  );
}

/** What is wrong with a text that is a credential, or `undefined`. */
export function credentialProblem(given: unknown): string | undefined {
  if (given === undefined) return `is undefined: ${unsetVariable}`;
  if (given === '') return `must not be empty: ${unsetVariable}`;
  return given === 'undefined' ? `is the text "undefined": ${unsetVariable}` : undefined;
}

/** An option that may be left out; present, it must be a credential in which `problemOf` finds nothing wrong. */
export function credential<Value>(problemOf: (given: unknown) => string | undefined) {
  const problem = (given: unknown) => credentialProblem(given) ?? problemOf(given);
  return v.exactOptional(
    v.custom<Value>(
      (given) => problem(given) === undefined,
      ({ input }) => String(problem(input)),
    ),
  );
}

/** A list of texts, neither it nor one of them empty. */
export const textList = () =>
  v.pipe(
    v.array(v.string('must be a string'), 'must be a list of strings'),
    v.nonEmpty(isEmpty),
    v.check((texts) => !texts.includes(''), `must not have an empty entry: ${unsetVariable}`),
  );

/** A schema for a text in which `problemOf` finds nothing wrong. */
export function textWithout(problemOf: (value: string) => string | undefined) {
  return v.pipe(
    v.string('must be a string'),
    v.check(
      (value) => problemOf(value) === undefined,
      ({ input }) => String(problemOf(input)),
    ),
  );
}
