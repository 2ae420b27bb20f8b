/** Whether a promise may be awaited by another request than the one that made it. On workerd it never settles there. */
export function sharesPromises(): boolean {
  return globalThis.navigator?.userAgent !== 'Cloudflare-Workers';
}

/** Lets work go on after the answer, which must not reject; the result is to be awaited where the runtime would end it. */
export function afterResponse(
  work: Promise<void>,
  request: { waitUntil?: ((promise: Promise<unknown>) => void) | undefined },
): Promise<void> | undefined {
  try {
    if (request.waitUntil !== undefined) return void request.waitUntil(work);
  } catch {} // the request has ended already, or the function lost its object
  return sharesPromises() ? undefined : work;
}
