import fc from 'fast-check';
import type { InvalidationTarget } from '../../../src/index.js';
import { tokenText } from './history.js';
import { tokenIndex, tokens } from './setting.js';
import { storeModes } from './shared-store.js';
import type { Reply, System } from './system.js';

/** Counts the commands of all runs. */
export const steps = { run: 0 };

/** The state that decides whether a command applies. */
type State = Pick<System, 'held' | 'history' | 'processes' | 'revoked' | 'setting' | 'store'>;

export class Command implements fc.AsyncCommand<State, System> {
  constructor(
    readonly text: string,
    readonly act: (system: System) => Promise<void>,
    readonly applies: (state: State) => boolean = () => true,
  ) {}

  check(state: Readonly<State>): boolean {
    return this.applies(state);
  }

  async run(system: System): Promise<void> {
    steps.run++;
    await this.act(system);
  }

  toString(): string {
    return this.text;
  }
}

const process = fc.nat(1);
/** An index into a list, mostly of the oldest. Larger numbers wrap around. */
const nth = fc.constantFrom(0, 0, 0, 1, 2, 3, 7, 11);

/** A command does not apply if its process does not exist. */
const exists = (index: number) => (state: State) => index < state.processes.length;
const isIntrospecting = (state: State) => state.held.length > 0;

const request = fc
  .tuple(process, tokenIndex, fc.constantFrom(undefined, undefined, undefined, 0, 1, 5, 30))
  .map(
    ([process, token, maxStaleness]) =>
      new Command(
        `request(${process}, ${token}, ${maxStaleness})`,
        (system) => system.request(process, token, maxStaleness),
        exists(process),
      ),
  );

/** An `exp`: seconds from now, or an absolute number. */
const exps = fc.constantFrom<(number | { in: number } | undefined)[]>(
  undefined,
  undefined,
  { in: 1 },
  { in: 3.5 },
  { in: 20 },
  { in: 100 },
  { in: 1e9 },
  { in: -5 },
  0,
  1e300,
);

const respondActive = fc.tuple(nth, exps).map(
  ([nth, exp]) =>
    new Command(
      `respond(${nth}, active, exp ${JSON.stringify(exp)})`,
      (system) => {
        const seconds = typeof exp === 'object' ? Math.floor(system.time.wall / 1000) + exp.in : exp;
        return system.respond(nth, { kind: 'active', ...(seconds !== undefined && { exp: seconds }) });
      },
      isIntrospecting,
    ),
);

const respondOtherwise = fc
  .tuple(
    nth,
    fc.constantFrom<Exclude<Reply['kind'], 'active'>[]>(
      'inactive',
      'inactive',
      'broken',
      'reset',
      'garbage',
      'unauthorized',
    ),
  )
  .map(
    ([nth, kind]) =>
      new Command(`respond(${nth}, ${kind})`, (system) => system.respond(nth, { kind }), isIntrospecting),
  );

const respondTruthfully = nth.map(
  (nth) =>
    new Command(`respond(${nth}, the truth)`, (system) => system.respond(nth, system.truth(nth)), isIntrospecting),
);

const respondAll = fc.constant(
  new Command(
    'respond(all, the truth)',
    async (system) => {
      while (system.held.length > 0) await system.respond(0, system.truth(0));
    },
    isIntrospecting,
  ),
);

const advance = fc
  .constantFrom(1, 100, 500, 1000, 1000, 1300, 3000, 5000, 10_000, 61_000, 301_000)
  .map((ms) => new Command(`advance(${ms})`, (system) => system.advance(ms)));

const advanceLittle = fc
  .constantFrom(1, 100, 500, 1000, 1300)
  .map((ms) => new Command(`advance(${ms})`, (system) => system.advance(ms)));

const stepWall = fc.tuple(fc.constantFrom(1, 1000, 5000, 60_000, 3_600_000), fc.constantFrom(1, -1)).map(
  ([ms, sign]) =>
    new Command(
      `stepWall(${sign * ms})`,
      (system) => system.stepWall(sign * ms),
      (system) => system.setting.clockSteps,
    ),
);

const targets = fc.oneof<fc.WeightedArbitrary<InvalidationTarget>[]>(
  { weight: 3, arbitrary: tokenIndex.map((token) => ({ token: tokenText(token) })) },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...tokens.flatMap((claims): InvalidationTarget[] =>
        Object.entries(claims).map(([kind, value]) => ({ [kind]: value }) as unknown as InvalidationTarget),
      ),
    ),
  },
  { weight: 1, arbitrary: fc.constant({ all: true }) },
);

const invalidate = fc
  .tuple(process, targets)
  .map(
    ([process, target]) =>
      new Command(
        `invalidate(${process}, ${JSON.stringify(target)})`,
        (system) => system.invalidate(process, target),
        exists(process),
      ),
  );

const invalidateInLoop = fc
  .tuple(process, tokenIndex, fc.constantFrom(2, 4, 5, 9))
  .map(
    ([process, token, times]) =>
      new Command(
        `invalidateInLoop(${process}, ${token}, ${times})`,
        (system) => system.invalidateInLoop(process, token, times),
        exists(process),
      ),
  );

const revoke = fc.tuple(tokenIndex, fc.boolean()).map(
  ([token, revoked]) =>
    new Command(
      `${revoked ? 'revoke' : 'restore'}(${token})`,
      async ({ revoked: set }) => {
        if (revoked) set.add(token);
        else set.delete(token);
      },
      (system) => system.revoked.has(token) !== revoked,
    ),
);

const abort = nth.map(
  (nth) =>
    new Command(
      `abort(${nth})`,
      (system) => system.abort(nth),
      (system) => system.history.pending.size > 0,
    ),
);

const switchStore = fc.constantFrom('works' as const, 'works' as const, ...storeModes).map(
  (mode) =>
    new Command(
      `store(${mode})`,
      (system) => system.switchStore(mode),
      (system) => system.setting.store !== undefined && system.store.mode !== mode,
    ),
);

export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 30, arbitrary: request },
  { weight: 8, arbitrary: respondActive },
  { weight: 10, arbitrary: respondOtherwise },
  { weight: 12, arbitrary: respondTruthfully },
  { weight: 3, arbitrary: respondAll },
  { weight: 6, arbitrary: advance },
  { weight: 10, arbitrary: advanceLittle },
  { weight: 2, arbitrary: stepWall },
  { weight: 4, arbitrary: invalidate },
  { weight: 2, arbitrary: invalidateInLoop },
  { weight: 4, arbitrary: revoke },
  { weight: 2, arbitrary: abort },
  { weight: 2, arbitrary: switchStore },
);

/** A sequence of up to 300 commands of every kind. */
export const commands = fc.commands([command], { maxCommands: 300, size: 'max' });
