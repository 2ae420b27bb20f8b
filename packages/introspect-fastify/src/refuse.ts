import type { RequestError } from '@acme/introspect-core';
import { errorAnswer } from '@acme/introspect-core/adapter';
import type { FastifyReply } from 'fastify';

/** Whether `work` sends the reply. Not `reply.sent`, which is false while a hook for `onSend` takes its time. */
export async function hasSent(reply: FastifyReply, work: () => unknown): Promise<boolean> {
  const send = reply.send.bind(reply);
  let sent = false;
  reply.send = (payload) => {
    sent = true;
    return send(payload);
  };
  try {
    await work();
  } finally {
    reply.send = send;
  }
  return sent || reply.sent;
}

/** Writes the answer that an error asks for. */
export function refuse(reply: FastifyReply, error: RequestError): FastifyReply {
  const { status, headers, body } = errorAnswer(error);
  for (const [name, value] of headers) reply.header(name, value);
  return reply.code(status).type('application/json').send(body);
}
