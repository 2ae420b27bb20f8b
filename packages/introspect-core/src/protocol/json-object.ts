import { InvalidResponseError } from '../errors/errors.js';
import type { TransportResponse } from '../transport/transport.js';

/** Deep enough for any claim. Recursion over a response needs a limit (RFC 8259 §9). */
const maxDepth = 64;

/**
 * Reads the JSON object in the body of a 200.
 *
 * Drops each member called `__proto__` and freezes all nested values. The object itself is not frozen. Read its members
 * with {@link ownMember}, because an object also inherits members.
 *
 * @throws InvalidResponseError
 */
export function readJsonObject(
  response: TransportResponse,
  origin: string,
  mediaTypes: readonly string[] = ['application/json'],
): Record<string, unknown> {
  const mediaType = response.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!mediaTypes.includes(mediaType)) {
    throw new InvalidResponseError(
      `${origin} responded with a Content-Type other than application/json: is a login page or a proxy in between?`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(response.body);
  } catch {
    throw new InvalidResponseError(`${origin} responded with a body that is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidResponseError(`${origin} responded with JSON that is not an object`);
  }
  const mayHoldProto = response.body.includes('__proto__') || response.body.includes('\\');
  if (!clean(value, 1, mayHoldProto)) {
    throw new InvalidResponseError(`${origin} responded with JSON that is nested deeper than ${maxDepth} levels`);
  }
  return value as Record<string, unknown>;
}

/** Returns an own member of an object, never an inherited one. */
export function ownMember(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? Reflect.get(object, name) : undefined;
}

/** Removes `__proto__` members and freezes nested values. Returns `false` if they are nested too deep. */
function clean(container: object, depth: number, mayHoldProto: boolean): boolean {
  if (depth > maxDepth) return false;
  if (mayHoldProto && Object.hasOwn(container, '__proto__')) Reflect.deleteProperty(container, '__proto__');
  for (const value of Object.values(container)) {
    if (typeof value !== 'object' || value === null) continue;
    if (!clean(value, depth + 1, mayHoldProto)) return false;
    Object.freeze(value);
  }
  return true;
}
