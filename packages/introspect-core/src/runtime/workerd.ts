/** Returns whether requests may share promises. On workerd, a promise of another request never settles. */
export function sharesPromises(): boolean {
  return globalThis.navigator?.userAgent !== 'Cloudflare-Workers';
}

/**
 * Lets work continue after the response. `work` must not reject. Await the result, if there is one: the runtime would end
 * the work with the response.
 */
export function afterResponse(
  work: Promise<void>,
  request: { waitUntil?: ((promise: Promise<unknown>) => void) | undefined },
): Promise<void> | undefined {
  try {
    if (request.waitUntil !== undefined) return void request.waitUntil(work);
  } catch {} // the request has ended, or the function lost its object
  return sharesPromises() ? undefined : work;
}
