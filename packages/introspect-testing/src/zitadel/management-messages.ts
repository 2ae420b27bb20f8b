import { isKnown, type Lagging } from './objects.js';

/** The JSON body of a request. */
export type Body = Readonly<Record<string, unknown>>;

/** The codes of gRPC, and the HTTP status that its gateway sends for each. */
const statuses = { 3: 400, 5: 404, 6: 409, 7: 403, 9: 400, 16: 401 } as const;

/** An error response of the management API. The message may end with ZITADEL's id of the error, in parentheses. */
export class ManagementError extends Error {
  readonly code: keyof typeof statuses;

  constructor(code: keyof typeof statuses, message: string) {
    super(message);
    this.code = code;
  }

  get status(): number {
    return statuses[this.code];
  }

  toJSON(): object {
    const { code, message } = this;
    const [, text = message, id = ''] = /^(.*) \((.*)\)$/.exec(message) ?? [];
    const detail = { '@type': 'type.googleapis.com/zitadel.v1.ErrorDetail', id, message: text };
    return { code, message, ...(id !== '' && { details: [detail] }) };
  }
}

/** Returns a text of 1 to 200 characters. Throws `ManagementError` for anything else. */
export function textOf(body: Body, message: string, member: string): string {
  const value = body[member];
  if (typeof value === 'string' && value.length >= 1 && value.length <= 200) return value;
  const field = member.charAt(0).toUpperCase() + member.slice(1);
  throw new ManagementError(3, `invalid ${message}.${field}: value length must be between 1 and 200 runes, inclusive`);
}

/** Returns a date of expiry in seconds since the epoch, by default in the year 9999. Throws if it has passed. */
export function secondsOf(expirationDate: unknown): number {
  if (expirationDate === undefined) return 253_370_764_800;
  const milliseconds = typeof expirationDate === 'string' ? Date.parse(expirationDate) : Number.NaN;
  if (Number.isNaN(milliseconds)) throw new ManagementError(3, 'proto: invalid google.protobuf.Timestamp value');
  if (milliseconds <= Date.now()) throw new ManagementError(3, 'The expiration date is in the past (DOMAIN-dv3t5)');
  return milliseconds / 1000;
}

/** Returns the objects of one organisation. */
export function ofOrganization<Owned extends { readonly organization: string }>(
  all: ReadonlyMap<string, Owned>,
  organization: string,
): Owned[] {
  return [...all.values()].filter((each) => each.organization === organization);
}

/** Returns one page of what a search finds at this moment, oldest first. */
export function listed<Found extends Lagging>(all: Iterable<Found>, body: Body, show: (each: Found) => object): object {
  const { offset = 0, limit = 100 } = (body.query ?? {}) as { offset?: number | string; limit?: number };
  const queries = Array.isArray(body.queries) ? body.queries : [];
  const found = [...all].filter((each) => queries.every((query) => isMatch(each, query))).filter(isKnown);
  const result = found.slice(Number(offset), Number(offset) + limit).map(show);
  return {
    details: { ...(found.length > 0 && { totalResult: String(found.length) }), processedSequence: '1' },
    ...(result.length > 0 && { result }),
  };
}

const queryMembers: Readonly<Record<string, string>> = {
  nameQuery: 'name',
  keyQuery: 'key',
  userNameQuery: 'userName',
  userIdQuery: 'userId',
  projectIdQuery: 'projectId',
};

const tooLongName = [
  'invalid ListProjectsRequest.Queries[0]: embedded message failed validation',
  'invalid ProjectQuery.NameQuery: embedded message failed validation',
  'invalid ProjectNameQuery.Name: value length must be at most 200 runes',
].join(' | caused by: ');

function isMatch(found: object, query: object): boolean {
  const [[kind, criteria] = ['', {}]] = Object.entries(query);
  const member = queryMembers[kind];
  const { method = 'TEXT_QUERY_METHOD_EQUALS', ...values } = criteria as Readonly<Record<string, unknown>>;
  if (kind === 'nameQuery' && String(values.name).length > 200) throw new ManagementError(3, tooLongName);
  if (member === undefined || method !== 'TEXT_QUERY_METHOD_EQUALS') {
    throw new ManagementError(3, 'List.Query.Invalid (QUERY-SAG2A)');
  }
  return Reflect.get(found, member) === values[member];
}

/** Throws `ManagementError` if one of the objects is the same as the new one. */
export function requireNew<Each>(all: Iterable<Each>, isSame: (each: Each) => boolean, message: string): void {
  if ([...all].some(isSame)) throw new ManagementError(6, `${message} (V3-DKcYh)`);
}
