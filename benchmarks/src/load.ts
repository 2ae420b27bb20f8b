import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import autocannon from 'autocannon';
import { isQuick } from './quick.js';

const connections = 50;

/**
 * The tool that sends the requests: wrk if it is installed, because autocannon itself reaches only about 75,000 requests/s.
 * A quick run uses autocannon, because wrk measures whole seconds only.
 */
export const loadTool = !isQuick && hasWrk() ? 'wrk' : 'autocannon';

/**
 * Sends requests over 50 connections, each with one request at a time. Returns the number of responses.
 *
 * @throws Error if a response has another status than 200
 */
export async function load(url: string, header: string, seconds: number): Promise<number> {
  return loadTool === 'wrk' ? loadByWrk(url, header, seconds) : loadByAutocannon(url, header, seconds);
}

async function loadByWrk(url: string, header: string, seconds: number): Promise<number> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-H', `authorization: ${header}`, url];
  const { stdout } = await promisify(execFile)('wrk', args, { timeout: (seconds + 30) * 1000 });
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error('a response has another status than 200');
  return Number(/(\d+) requests in/.exec(stdout)?.[1]);
}

async function loadByAutocannon(url: string, header: string, duration: number): Promise<number> {
  const { requests, non2xx, errors } = await autocannon({
    url,
    connections,
    duration,
    sampleInt: duration * 1000, // the default of one second would make the run longer
    headers: { authorization: header },
  });
  if (non2xx + errors > 0) throw new Error('a response has another status than 200');
  return requests.total;
}

function hasWrk(): boolean {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== 'ENOENT'; // wrk -v exits with 1
  }
}
