import { vi } from 'vitest';
import { type RedisServer, startRedis, startSentinel, startTogether } from './redis-server.js';

const waiting = { interval: 20, timeout: 60_000 };

/** A master and its replica on loopback, and a sentinel that knows both. */
export interface Replication {
  readonly sentinel: RedisServer;
  /** The name by which the sentinel knows them. */
  readonly name: string;
  readonly servers: readonly RedisServer[];
  master(): Promise<RedisServer>;
  /** Makes the replica the master, as the sentinel does when the master is dead. Resolves when it has happened. */
  failOver(): Promise<void>;
  kill(): Promise<void>;
}

/** Starts a master, a replica and a sentinel. They end with `kill`. */
export function startReplication(): Promise<Replication> {
  return startTogether(replicationOf);
}

async function replicationOf(add: (server: Promise<RedisServer>) => Promise<RedisServer>): Promise<Replication> {
  const name = 'main';
  const options = ['--repl-diskless-sync-delay', '0'];
  const first = await add(startRedis(...options));
  const second = await add(startRedis(...options, '--replicaof', '127.0.0.1', String(first.port)));
  const servers = [first, second];
  const lines = [
    `sentinel monitor ${name} 127.0.0.1 ${first.port} 1`,
    `sentinel down-after-milliseconds ${name} 60000`, // it never decides by itself
    `sentinel failover-timeout ${name} 5000`,
  ];
  const sentinel = await add(startSentinel(...lines));

  async function master(): Promise<RedisServer> {
    const [, port] = (await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)) as [string, string];
    return servers.find((server) => server.port === Number(port)) as RedisServer;
  }

  return {
    sentinel,
    name,
    servers,
    master,
    async failOver() {
      const before = await master();
      const successor = servers.find((server) => server !== before) as RedisServer;
      await successor.command('REPLICAOF', '127.0.0.1', String(before.port)); // after a restart, it is its own master
      // The sentinel refuses until it knows the replica, and while an earlier failover is not complete.
      await vi.waitFor(() => sentinel.command('SENTINEL', 'FAILOVER', name), waiting);
      await vi.waitFor(async () => {
        if ((await master()) === before) throw new Error('the master is still the same');
      }, waiting);
    },
    kill: async () => void (await Promise.all([sentinel, ...servers].map((server) => server.kill()))),
  };
}
