/** The time for which most values of the contract are stored, in milliseconds. */
export const minute = 60_000;

// The keys of the core have this length and these characters.
export const key = 'aB3-_x'.padEnd(43, 'k');
export const otherKey = 'aB3-_y'.padEnd(43, 'k');
export const keys = [key, otherKey, key.toLowerCase(), `miss.${key}`, `tombstone.${key}`, `tombstone.${otherKey}`];
