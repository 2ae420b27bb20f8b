import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { name: 'fastify', fsModuleCache: false, include: ['test/**/*.test.ts'] } });
