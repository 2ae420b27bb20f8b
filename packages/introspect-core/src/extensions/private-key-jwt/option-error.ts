/** Returns the error for an invalid option. Its message must not contain the value: it may be a key. */
export function optionError(problem: string): TypeError {
  return new TypeError(`privateKeyJwt: ${problem}`);
}
