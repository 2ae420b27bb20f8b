/** Whether a promise may be awaited by another request than the one that made it. On workerd it never settles there. */
export function sharesPromises(): boolean {
  return globalThis.navigator?.userAgent !== 'Cloudflare-Workers';
}

/** Lets work go on after the answer, which must not reject; the result is to be awaited where the runtime would end it. */
export function afterAnswer(
  work: Promise<void>,
  request: { waitUntil?(promise: Promise<unknown>): void },
): Promise<void> | undefined {
  if (request.waitUntil === undefined) return sharesPromises() ? undefined : work;
  request.waitUntil(work);
  return undefined;
}
