import { abortable } from '../runtime/abortable.js';
import { afterResponse } from '../runtime/workerd.js';
import type { Stage } from './lookup-pipeline.js';

/**
 * Lets the write to the shared cache end after the response.
 *
 * On a runtime that would end the write with the request, the request waits for it, unless it has `waitUntil`.
 */
export const finishSharedWrite: Stage = (next) => async (query) => {
  const result = await next(query);
  if (result.from !== 'server' || result.pendingWrite === undefined) return result;
  const { request } = query;
  const written = afterResponse(result.pendingWrite, request);
  if (written !== undefined) await abortable(written, request.signal);
  return result;
};
