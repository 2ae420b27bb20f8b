import type { ServerResponse } from 'node:http';

/** Holds back a response between an app's guard and its socket, as a slow session store does. */
export interface ResponseHold {
  /** For the app: its hook or middleware awaits this before it writes a response of `/slow`. */
  wait(): Promise<void>;
  /** For the test: holds the next of these responses, and gives the function that lets it go. */
  next(): Promise<() => void>;
}

/** A hold that holds nothing until `next` is called. */
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

/** Makes a Node response wait before its end, as middleware for sessions does on plain Node and on Express. */
export function holdEnd(response: ServerResponse, hold: Pick<ResponseHold, 'wait'>): void {
  const { end } = response;
  response.end = (...args: unknown[]) => {
    hold.wait().then(() => Reflect.apply(end, response, args));
    return response;
  };
}
