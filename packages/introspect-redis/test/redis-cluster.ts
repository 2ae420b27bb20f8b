import { vi } from 'vitest';
import { type RedisServer, startRedis, startTogether } from './redis-server.js';

const slots = 16_384;
const waiting = { interval: 20, timeout: 60_000 };

/** A Redis Cluster of three masters on loopback. One of them has a replica. */
export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  /** The nodes that hold a third of the slots each. */
  readonly masters: readonly RedisServer[];
  /** A master without a replica. */
  readonly loneMaster: RedisServer;
  /** Ends the master that has a replica, and lets the replica take its place. Returns the node that has ended. */
  failOver(): Promise<RedisServer>;
  kill(): Promise<void>;
}

/** Starts a cluster. It ends with `kill`. */
export function startCluster(): Promise<RedisCluster> {
  return startTogether(clusterOf);
}

async function clusterOf(add: (server: Promise<RedisServer>) => Promise<RedisServer>): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: 4 }, () => add(startRedis('--cluster-enabled', 'yes', '--repl-diskless-sync-delay', '0'))),
  );
  const [first, , , replica] = nodes as [RedisServer, RedisServer, RedisServer, RedisServer];
  for (const [index, node] of nodes.slice(0, 3).entries()) {
    const from = Math.ceil((index * slots) / 3);
    const to = Math.ceil(((index + 1) * slots) / 3);
    await node.command('CLUSTER', 'ADDSLOTS', ...Array.from({ length: to - from }, (_, slot) => String(from + slot)));
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  for (const node of nodes.slice(1)) await first.command('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
  const firstId = String(await first.command('CLUSTER', 'MYID'));
  await vi.waitFor(() => replica.command('CLUSTER', 'REPLICATE', firstId), waiting);

  /** Returns the ports of the masters as a node sees them, sorted. */
  async function masterPorts(node: RedisServer): Promise<number[]> {
    const ranges = (await node.command('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
    return ranges.map(([, , [, port]]) => port).sort((a, b) => a - b);
  }

  async function agree(living: readonly RedisServer[]): Promise<number[]> {
    return vi.waitFor(async () => {
      const views = await Promise.all(living.map(masterPorts));
      const states = await Promise.all(living.map((node) => node.command('CLUSTER', 'INFO')));
      const isAgreed = views.every((ports) => ports.length === 3 && String(ports) === String(views[0]));
      if (!isAgreed || !states.every((state) => String(state).includes('cluster_state:ok'))) {
        throw new Error(`the nodes of the cluster do not agree: ${views.join(' | ')}`);
      }
      return views[0] ?? [];
    }, waiting);
  }

  const byPort = (port: number) => nodes.find((node) => node.port === port) as RedisServer;

  let masters = (await agree(nodes)).map(byPort);
  return {
    nodes,
    get masters() {
      return masters;
    },
    get loneMaster() {
      return masters.find((node) => node !== first && node !== replica) as RedisServer;
    },
    async failOver() {
      const successor = nodes.find((node) => !masters.includes(node)) as RedisServer;
      const role = await vi.waitFor(async () => {
        const reply = (await successor.command('ROLE')) as [string, string, number, string];
        if (reply[0] !== 'slave' || reply[3] !== 'connected') throw new Error(`no replica: ${reply}`);
        return reply;
      }, waiting);
      const master = byPort(role[2]);
      await master.crash();
      await successor.command('CLUSTER', 'FAILOVER', 'TAKEOVER');
      masters = (await agree(nodes.filter((node) => node !== master))).map(byPort);
      return master;
    },
    kill: async () => void (await Promise.all(nodes.map((node) => node.kill()))),
  };
}
