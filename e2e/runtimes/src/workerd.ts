import { env } from 'cloudflare:workers';
import { createApp } from './app.js';
import type { Settings } from './runtime-case.js';

export default createApp(env.SETTINGS as Settings, () => {}); // workerd itself ends by a signal
