/** Whether the run must end within a minute, and may be less exact. */
export const isQuick = process.argv.includes('--quick');
