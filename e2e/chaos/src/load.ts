import autocannon, { type Instance, type Options } from 'autocannon';
import type { Reply } from './judge.js';
import type { Rate } from './plan.js';
import type { Sample } from './tokens.js';

export interface Load extends Rate {
  readonly url: string;
  take(): Sample;
  replied(reply: Reply): void;
  /** A connection broke, or there was no reply in 10 s. */
  failed(): void;
}

/**
 * Sends requests until it is stopped.
 *
 * autocannon sends what it may send in a second at the beginning of it: one instance for each connection, begun one after
 * the other, spreads it.
 */
export function startLoad({ url, perSecond, connections, take, replied, failed }: Load): { stop(): Promise<void> } {
  const instances: Instance[] = [];
  const ends: Promise<void>[] = [];
  const start = () => {
    const sent = new WeakMap<object, Sample & { sentAt: number }>(); // by the context, which is new for each request
    const options: Options = {
      url,
      connections: 1,
      connectionRate: perSecond / connections,
      duration: 3600,
      sampleInt: 250, // it looks that often whether it was stopped
      bailout: 100, // the API has died: no need to knock on
      requests: [
        {
          setupRequest: (request, context) => {
            const sample = take();
            sent.set(context, { ...sample, sentAt: performance.now() });
            if (sample.token === undefined) return request;
            return { ...request, headers: { ...request.headers, authorization: `Bearer ${sample.token}` } };
          },
          onResponse: (status, body, context) => {
            const sample = sent.get(context);
            if (sample !== undefined) replied({ ...sample, receivedAt: performance.now(), status, body });
          },
        },
      ],
    };
    ends.push(
      new Promise((resolve, reject) => {
        const instance = autocannon(options, (error) => (error ? reject(error) : resolve()));
        instance.on('reqError', failed);
        instances.push(instance);
      }),
    );
  };
  const timers = Array.from({ length: connections }, (_, index) => setTimeout(start, (index * 1000) / connections));
  return {
    stop: async () => {
      timers.forEach(clearTimeout);
      for (const instance of instances) instance.stop();
      await Promise.all(ends);
    },
  };
}
