/** Returns the body of this size that the fault server sends. */
export function sized(bytes: number): string {
  const [before, after] = ['{"active":true,"pad":"', '"}'];
  return `${before}${'ü'.repeat((bytes - before.length - after.length) / 2)}${after}`;
}

/** Returns the values of one field. */
export function valuesOf(fields: readonly [name: string, value: string][], name: string): string[] {
  return fields.filter(([each]) => each === name).map(([, value]) => value);
}

/** Returns the error with which a promise rejects. Throws if it resolves. */
export async function rejection(what: string, promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`${what} was expected to reject, but it resolved with ${JSON.stringify(value)}`);
}

/** Throws unless the promise rejects with an InvalidResponseError whose message has this text. */
export async function invalidResponse(promise: Promise<unknown>, text = ''): Promise<void> {
  const error = Object(await rejection('a body like this', promise)) as { code?: unknown; message?: unknown };
  equal('the code of the error', error.code, 'invalid_response');
  if (!String(error.message).includes(text)) throw new Error(`expected "${text}" in the message "${error.message}"`);
}

/** Throws unless both values have the same JSON. */
export function equal(what: string, actual: unknown, expected: unknown): void {
  const [one, other] = [actual, expected].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`expected ${what} to be ${other}, but it is ${one}`);
}
