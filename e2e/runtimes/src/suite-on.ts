import { active, startFaultServer, startScriptedServer } from '@acme/introspect-testing';
import { keyPairs, publishKeys } from './key-pairs.js';
import { runRecipe } from './recipe-programs.js';
import { responsesByToken } from './responses-by-token.js';
import { start } from './running.js';
import type { Runtime } from './runtimes.js';
import { servedCases } from './served-cases.js';
import { Tally } from './tally.js';

/** Only ends what hangs: a busy machine needs several seconds for some cases. */
const caseMs = 60_000;
const keys = keyPairs();

/**
 * Runs all cases on one runtime: first those inside of it, then those from outside, then the program of docs/recipes.md.
 *
 * @param folder where the packages are installed as packed
 */
export async function suiteOn(runtime: Runtime, folder: string): Promise<Tally> {
  const tally = new Tally(caseMs);
  const byToken = await startScriptedServer();
  byToken.always(responsesByToken());
  byToken.at('/elsewhere', active());
  publishKeys(byToken, keys);
  const scripted = await startScriptedServer();
  const faults = await startFaultServer();
  try {
    const settings = { origin: byToken.origin, scriptedOrigin: scripted.origin, faultOrigin: faults.origin, keys };
    const running = await start(runtime, settings);
    try {
      const names: string[] = await json(`${running.origin}/cases`, AbortSignal.timeout(caseMs));
      for (const [index, name] of names.entries()) {
        await tally.count(name, async (signal) => {
          const { failure } = await json<{ failure: string | null }>(`${running.origin}/cases/${index}`, signal);
          if (failure !== null) throw new Error(failure);
        });
      }
      for (const { name, run } of servedCases(scripted, !runtime.isWorkerd)) {
        await tally.count(name, () => run(running.origin));
      }
      if (!runtime.isWorkerd) await tally.count('the process ends by itself', running.end);
    } finally {
      await running.kill();
    }
    const { recipe } = runtime;
    if (recipe !== undefined) await tally.count('the program of docs/recipes.md', () => runRecipe(recipe, folder));
  } catch (error) {
    tally.failures.push(String(error));
  } finally {
    await byToken.close();
    await scripted.close();
    await faults.close();
  }
  return tally;
}

async function json<Value>(url: string, signal: AbortSignal): Promise<Value> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`got status ${response.status}: ${await response.text()}`);
  return response.json() as Promise<Value>;
}
