import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import autocannon from 'autocannon';
import { isQuick } from './quick.js';

const connections = 50;

/**
 * What brought the load: wrk where it is installed, for autocannon itself ends near 75,000 requests/s. Not in a hurry: wrk
 * knows whole seconds alone.
 */
export const loadTool = !isQuick && hasWrk() ? 'wrk' : 'autocannon';

/**
 * So many connections, each with one request at a time, for so long. Gives how many requests were answered.
 *
 * @throws Error when any of them was not answered with 200
 */
export async function load(url: string, header: string, seconds: number): Promise<number> {
  return loadTool === 'wrk' ? loadByWrk(url, header, seconds) : loadByAutocannon(url, header, seconds);
}

async function loadByWrk(url: string, header: string, seconds: number): Promise<number> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-H', `authorization: ${header}`, url];
  const { stdout } = await promisify(execFile)('wrk', args, { timeout: (seconds + 30) * 1000 });
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error('a request was not answered with 200');
  return Number(/(\d+) requests in/.exec(stdout)?.[1]);
}

async function loadByAutocannon(url: string, header: string, duration: number): Promise<number> {
  const { requests, non2xx, errors } = await autocannon({
    url,
    connections,
    duration,
    sampleInt: duration * 1000, // it ends with a sample, of a second unless told
    headers: { authorization: header },
  });
  if (non2xx + errors > 0) throw new Error('a request was not answered with 200');
  return requests.total;
}

function hasWrk(): boolean {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== 'ENOENT'; // it ends with 1 when asked for its version
  }
}
