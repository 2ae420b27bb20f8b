import { type ApiFlags, withApiFlags } from '../../api-location.js';
import type { Command } from '../../command.js';
import { type ExitCode, exitCodes, usage } from '../../failure.js';
import { variables } from '../../variables.js';
import { examineConfiguration } from './checks/configuration.js';
import { examine } from './examination.js';
import { type Check, checkNames, skipped } from './finding.js';
import { reportOf, reportText } from './report.js';

interface DoctorFlags extends ApiFlags {
  timeoutMs: string;
}

/** `introspect doctor`: checks everything that introspection needs, and gives the cause and the fix of each finding. */
export const doctorCommand: Command<DoctorFlags> = {
  define: (command) =>
    withApiFlags(command.name('doctor').description('Find out why introspection fails, from DNS to latency')).option(
      '--timeout-ms <milliseconds>',
      'Time limit of a response, like timeoutMs in the SDK',
      '5000',
    ),

  help: {
    variables: {
      INTROSPECT_CLIENT_SECRET: 'Client secret of the API; otherwise from a prompt or stdin',
      INTROSPECT_BEARER_TOKEN: 'Bearer token of the API, for --auth bearer',
      INTROSPECT_TOKEN: 'A token that should be active: doctor introspects it too',
      ZITADEL_CLIENT_SECRET: 'Read if INTROSPECT_CLIENT_SECRET is not set',
      ZITADEL_TOKEN: 'Read if INTROSPECT_TOKEN is not set',
    },
    examples: [
      'introspect doctor --env .env',
      'introspect doctor --env .env --json',
      'introspect doctor --issuer https://as.example --auth post --client-id api',
    ],
  },

  async run(flags, { settings, output, clock }): Promise<ExitCode> {
    const timeoutMs = Number(flags.timeoutMs);
    if (!(timeoutMs >= 1 && timeoutMs <= 60_000)) throw usage('--timeout-ms must be a number from 1 to 60000');
    const configuration = await examineConfiguration(flags, settings);
    const token = settings.text(undefined, variables.token);

    const steps = examine({ configuration, token, timeoutMs, clock });
    const checks: Check[] = [];
    let why: string | undefined;
    for (const name of checkNames) {
      if (why === undefined) {
        output.progress(`${name} …`);
        const step = await steps.next();
        if (!step.done) {
          checks.push(step.value);
          continue;
        }
        why = step.value;
      }
      checks.push(skipped(name, why));
    }
    const report = reportOf(checks);
    output.result(report, reportText(report));
    return report.ok ? exitCodes.done : exitCodes.no;
  },
};
