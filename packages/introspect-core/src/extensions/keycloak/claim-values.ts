/** Reads values of claims, whose shape nothing has checked. */

/** Returns whether a value is an object, but not a list. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns an own member of an object, never an inherited one, and `undefined` for any other value. */
export function ownMember(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

/** Returns the strings in a list that are not empty, and an empty list for any other value. */
export function textsIn(value: unknown): string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [];
  return values.filter((each) => typeof each === 'string' && each !== '') as string[];
}

/** Returns a string, and `undefined` for any other value. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
