import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { name: 'testing', fsModuleCache: false, include: ['test/**/*.test.ts'] } });
