import type { ActiveToken } from '@acme/introspect-core';
import { metadata } from '@acme/introspect-core/zitadel';
import { type Line, styled } from '../../terminal/output.js';

type Row = readonly [name: string, ...lines: string[]];

const times = new Set(['exp', 'iat', 'nbf', 'auth_time', 'updated_at']);
const rolesClaim = /^urn:zitadel:iam:org:project:(?:(.+):)?roles$/;
const metadataClaim = 'urn:zitadel:iam:user:metadata';

/**
 * Returns an introspection response for people: the claims in their order, times as dates, roles by organisation, and
 * metadata decoded.
 *
 * @param now seconds since the epoch
 */
export function tokenTable(token: ActiveToken, now: number): Line[] {
  const rows = Object.entries(token).map(([name, value]) => rowOf(name, value, token, now));
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.flatMap(([name, first = '', ...more]): Line[] => [
    [styled('dim', name.padEnd(width)), '  ', name === 'active' ? styled('green', first) : first],
    ...more.map((line) => `${' '.repeat(width)}  ${line}`),
  ]);
}

function rowOf(name: string, value: unknown, token: ActiveToken, now: number): Row {
  if (name === 'active') return [name, 'yes'];
  if (times.has(name) && typeof value === 'number') return [name, `${dateOf(value)} (${relativeTime(value - now)})`];
  if (name === 'scope' && typeof value === 'string') return [name, ...value.split(' ')];
  if (name === metadataClaim)
    return ['metadata', ...Object.entries(metadata(token)).map(([key, text]) => `${key} = ${text}`)];
  const roles = rolesClaim.exec(name);
  if (roles !== null) return [roles[1] === undefined ? 'roles' : `roles in ${roles[1]}`, ...roleLines(value)];
  if (Array.isArray(value)) return [name, ...value.map(textOf)];
  return [name, textOf(value)];
}

/** Turns `{ role: { organisation id: domain } }` around: the roles in each organisation. */
function roleLines(value: unknown): string[] {
  const byOrganization = new Map<string, string[]>();
  for (const [role, organizations] of [value].flat().flatMap((each) => Object.entries(Object(each)))) {
    for (const [id, domain] of Object.entries(Object(organizations))) {
      const name = `${textOf(domain)} (${id})`;
      byOrganization.set(name, [...(byOrganization.get(name) ?? []), role]);
    }
  }
  return [...byOrganization].map(([name, roles]) => `${name}: ${roles.join(', ')}`);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function dateOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().replace('.000Z', 'Z');
}

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** Returns a text such as "in 3 h" or "2 min ago". */
function relativeTime(seconds: number): string {
  const size = Math.abs(seconds);
  const [unit, unitSize] = units.find(([, each]) => size >= each) ?? ['s', 1];
  const amount = `${Math.trunc(size / unitSize)} ${unit}`;
  return seconds > 0 ? `in ${amount}` : `${amount} ago`;
}
