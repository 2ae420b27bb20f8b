/** Whether a promise may be awaited by another request than the one that made it. On workerd it never settles there. */
export function sharesPromises(): boolean {
  return globalThis.navigator?.userAgent !== 'Cloudflare-Workers';
}
