import autocannon, { type Instance, type Options } from 'autocannon';
import type { Reply } from './judge.js';
import type { Rate } from './plan.js';
import type { Sample } from './tokens.js';

export interface Load extends Rate {
  readonly url: string;
  take(): Sample;
  replied(reply: Reply): void;
  /** Called when a connection broke, or after 10 s without a reply. */
  failed(): void;
}

/**
 * Sends requests until it is stopped.
 *
 * autocannon sends all requests of a second at the beginning of that second. One instance per connection, each started a
 * little later, spreads them.
 */
export function startLoad({ url, perSecond, connections, take, replied, failed }: Load): { stop(): Promise<void> } {
  const instances: Instance[] = [];
  const ends: Promise<void>[] = [];
  const start = () => {
    const sent = new WeakMap<object, Sample & { sentAt: number }>(); // the context is new for each request
    const options: Options = {
      url,
      connections: 1,
      connectionRate: perSecond / connections,
      duration: 3600,
      sampleInt: 250, // how often it checks whether it was stopped, in ms
      bailout: 100, // stops when the API has died
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
