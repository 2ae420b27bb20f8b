/** Whether a minute must do, for a first look. */
export const isQuick = process.argv.includes('--quick');
