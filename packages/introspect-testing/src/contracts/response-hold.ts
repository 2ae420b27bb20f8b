import type { ServerResponse } from 'node:http';

/** Holds back a response after the guard and before it is written, as a slow session store does. */
export interface ResponseHold {
  /** For the app: its hook or middleware awaits this before it writes the response of `/slow`. */
  wait(): Promise<void>;
  /** For the test: holds back the next response of `/slow`, and returns a function that releases it. */
  next(): Promise<() => void>;
}

/** Returns a hold. It holds back no response until `next` is called. */
export function responseHold(): ResponseHold {
  let reached: ((release: () => void) => void) | undefined;
  return {
    async wait() {
      const tell = reached;
      reached = undefined;
      if (tell !== undefined) await new Promise<void>((release) => tell(release));
    },
    next: () =>
      new Promise((resolve) => {
        reached = resolve;
      }),
  };
}

/** Makes a Node response wait before it ends, as session middleware does on plain Node and on Express. */
export function holdEnd(response: ServerResponse, hold: Pick<ResponseHold, 'wait'>): void {
  const { end } = response;
  response.end = (...args: unknown[]) => {
    hold.wait().then(() => Reflect.apply(end, response, args));
    return response;
  };
}
