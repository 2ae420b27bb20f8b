import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { name: 'hono', fsModuleCache: false, include: ['test/**/*.test.ts'] } });
