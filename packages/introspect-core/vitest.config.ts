import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { name: 'core', fsModuleCache: false, include: ['test/**/*.test.ts'] } });
