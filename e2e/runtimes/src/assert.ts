/** The assertions of the suite. Test libraries do not run on every runtime. */

export function assertEqual(actual: unknown, expected: unknown): void {
  const [is, shouldBe] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== shouldBe) throw new Error(`is ${is}, should be ${shouldBe}`);
}

export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`should be true: ${what}`);
}

/** Returns the error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: unknown }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error('rejected with a value that is not an Error');
  }
  throw new Error('did not reject');
}
