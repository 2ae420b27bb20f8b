/** Returns the error for an invalid option of `privateKeyJwt`. Never pass the value in `problem`: it may be a key. */
export function optionError(problem: string): TypeError {
  return new TypeError(`privateKeyJwt: ${problem}`);
}
