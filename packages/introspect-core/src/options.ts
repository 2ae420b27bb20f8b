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

/** A schema for an options object that refuses what it does not know, by name. */
export function optionsObject<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(entries, (issue) => {
    if (issue.expected === 'never') return `is no option; there are ${Object.keys(entries).join(', ')}`;
    return 'must be an object';
  });
}

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
