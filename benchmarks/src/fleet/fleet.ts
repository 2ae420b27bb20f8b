import { startWorker, type Worker } from '../worker.js';

export interface FleetSettings {
  readonly endpoint: string;
  /** Absent: the processes share nothing. */
  readonly redisUrl?: string;
  readonly storeSecret?: string;
  readonly localMaxAgeSeconds?: number;
}

/** What a number of look-ups of active tokens had as their results. */
export interface LookUps {
  readonly lookUps: number;
  /** Rejected, or accepted with another token's response. */
  readonly wrong: number;
  readonly unavailable: number;
  readonly seconds: number;
}

/** The first look-up that was rejected, in nanoseconds of a clock that all processes share. */
export interface Rejection {
  readonly began: string;
  readonly ended: string;
}

export interface HitTimes {
  readonly p99Microseconds: number;
  readonly wrong: number;
}

export interface SecondTier {
  readonly getMs: number;
  readonly hitMs: number;
}

/** Starts some processes that use one server, and waits until Redis reports changes to each. */
export async function startFleet(processes: number, settings: FleetSettings): Promise<readonly Worker[]> {
  const fleet = await Promise.all(
    Array.from({ length: processes }, (_, process) =>
      startWorker('./workers/fleet-process.js', [JSON.stringify({ ...settings, process })]),
    ),
  );
  await Promise.all(fleet.map((worker) => worker.get('ready')));
  return fleet;
}

/** Starts a fleet, measures something, and ends the processes. */
export async function withFleet<Result>(
  processes: number,
  settings: FleetSettings,
  measure: (fleet: readonly Worker[]) => Promise<Result>,
): Promise<Result> {
  const fleet = await startFleet(processes, settings);
  try {
    return await measure(fleet);
  } finally {
    for (const worker of fleet) worker.end();
  }
}
