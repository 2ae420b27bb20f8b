/** Functions that read ZITADEL's own claims. */
import type { ActiveToken } from '@acme/introspect-core';

/** Role → id of the organisation that granted it → that organisation's primary domain. */
export type ZitadelRoles = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The organisation of a user. */
export interface ZitadelOrganization {
  /** The id of the organisation. */
  readonly id: string;
  /** Its name, if ZITADEL sent one. */
  readonly name?: string;
  /** Its primary domain, if ZITADEL sent one. */
  readonly primaryDomain?: string;
}

/**
 * Returns the user's metadata, decoded from base64url. A value that is not UTF-8 text is left out.
 *
 * It is empty without the scope `urn:zitadel:iam:user:metadata`.
 */
export function metadata(token: ActiveToken): Readonly<Record<string, string>> {
  const decoded = membersOf(token['urn:zitadel:iam:user:metadata']).flatMap(([key, value]) => {
    const text = decodeBase64Url(value);
    return text === undefined ? [] : [[key, text] as const];
  });
  return Object.freeze(Object.fromEntries(decoded));
}

/** Returns the user's organisation, or `undefined` without the scope `urn:zitadel:iam:user:resourceowner`. */
export function organization(token: ActiveToken): ZitadelOrganization | undefined {
  const id = token['urn:zitadel:iam:user:resourceowner:id'];
  const name = token['urn:zitadel:iam:user:resourceowner:name'];
  const primaryDomain = token['urn:zitadel:iam:user:resourceowner:primary_domain'];
  if (typeof id !== 'string') return undefined;
  return {
    id,
    ...(typeof name === 'string' && { name }),
    ...(typeof primaryDomain === 'string' && { primaryDomain }),
  };
}

/** Returns the own members of an object or of a list of objects: ZITADEL documents one form and sends the other. */
export function membersOf(claim: unknown): [name: string, value: unknown][] {
  const objects: unknown[] = Array.isArray(claim) ? claim : [claim];
  return objects.flatMap((each) => (isObject(each) ? Object.entries(each) : []));
}

/** Returns whether a value is an object, but not a list. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decodeBase64Url(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    const binary = atob(value.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
