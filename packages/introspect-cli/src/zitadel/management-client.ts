import { exitCodes, Failure } from '../failure.js';
import { type JsonRequest, requestJson } from '../http/json-request.js';
import { ManagementFailure } from './management-failure.js';

export type Members = Readonly<Record<string, unknown>>;

/** A call that a dry run did not send. */
export interface PlannedCall {
  readonly method: string;
  readonly url: string;
  readonly body?: object;
}

export interface ManagementOptions {
  /** A URL of the server. Its path is ignored. */
  address: string;
  /** A personal access token of an administrator. */
  pat: string;
  headers: Readonly<Record<string, string>>;
  organization: string | undefined;
  /** Sends searches only. The other calls are added to `planned`. */
  dryRun: boolean;
}

/** Sends calls to ZITADEL's management API (v1), as an administrator. */
export class ManagementClient {
  readonly planned: PlannedCall[] = [];
  readonly #options: ManagementOptions;

  constructor(options: ManagementOptions) {
    this.#options = options;
  }

  /** Returns all pages of a search without criteria. */
  async searchAll(path: string): Promise<Members[]> {
    const all: Members[] = [];
    for (;;) {
      const { page, total } = await this.#page(path, all.length === 0 ? {} : { query: { offset: String(all.length) } });
      all.push(...page);
      if (page.length === 0 || all.length >= total) return all;
    }
  }

  /** Returns the first page of a search. */
  async search(path: string, body: object): Promise<Members[]> {
    return (await this.#page(path, body)).page;
  }

  /** The server leaves out an empty list and a total of 0. */
  async #page(path: string, body: object): Promise<{ page: Members[]; total: number }> {
    if (path.includes(plannedPrefix)) return { page: [], total: 0 }; // what a dry run did not create is empty
    const { result = [], details } = await this.call('POST', path, body);
    const { totalResult = 0 } = Object(details) as Members;
    return {
      page: Array.isArray(result) ? result.map((each) => Object(each) as Members) : [],
      total: Number(totalResult),
    };
  }

  /** @param read the members of the response that are used, and the placeholders that a dry run returns for them */
  async write(
    method: 'POST' | 'PUT',
    path: string,
    body: object,
    read: Readonly<Record<string, string>> = {},
  ): Promise<Members> {
    if (!this.#options.dryRun) return this.call(method, path, body);
    this.planned.push({ method, url: this.#url(path), body });
    return Object.fromEntries(Object.entries(read).map(([member, name]) => [member, `${plannedPrefix}${name}>`]));
  }

  /** Ignores that something no longer exists. */
  async remove(path: string): Promise<void> {
    if (this.#options.dryRun) return void this.planned.push({ method: 'DELETE', url: this.#url(path) });
    try {
      await this.call('DELETE', path);
    } catch (error) {
      if (!(error instanceof ManagementFailure) || error.status !== 404) throw error;
    }
  }

  /** Sends a call, also in a dry run. */
  async call(method: JsonRequest['method'], path: string, body?: object): Promise<Members> {
    const { pat, headers, organization } = this.#options;
    const response = await requestJson({
      method,
      url: this.#url(path),
      headers: {
        ...headers,
        authorization: `Bearer ${pat}`,
        ...(organization !== undefined && { 'x-zitadel-orgid': organization }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (response.status === 200 && response.value !== undefined) return response.value;
    throw new ManagementFailure(`${method} ${this.#url(path)}`, response, pat);
  }

  #url(path: string): string {
    return `${new URL(this.#options.address).origin}/management/v1${path}`;
  }
}

/** In a dry run, this starts the placeholder for an id that the server would have returned. */
const plannedPrefix = '<';

/** Encodes one segment of a path. A URL takes `.` and `..` for steps up, encoded or not. */
export function segment(value: string): string {
  if (/^<\w+>$/.test(value)) return value; // the placeholder of a dry run
  if (isSegment(value)) return encodeURIComponent(value);
  throw new Failure(exitCodes.failed, 'unusable_id', `"${value}" cannot be used in the path of a request`);
}

/** Returns whether an id or key can be one segment of a path. */
export function isSegment(value: string): boolean {
  return !['', '.', '..'].includes(value);
}

/** Returns a member of a response that must be a text. */
export function text(members: Members, name: string): string {
  const value = members[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new Failure(exitCodes.failed, 'unexpected_response', `The response of the management API has no "${name}"`);
}
