// The cards lie elsewhere: what they import is looked for here.
import { defineConfig } from 'vitest/config';

const HERE = new URL('.', import.meta.url).pathname;
const CARDS = new URL('../../connectors/hubspot/src/app/cards/', import.meta.url).pathname;

const installedHere = {
    name: 'installed-here',
    enforce: 'pre',
    resolveId(id, importer) {
        const isForeign = importer?.startsWith(CARDS) && !id.startsWith('.') && !id.startsWith('/');
        return isForeign ? this.resolve(id, `${HERE}vitest.config.mjs`, { skipSelf: true }) : null;
    }
};

export default defineConfig({
    root: HERE,
    plugins: [installedHere],
    test: { include: ['cards/*.test.{ts,tsx}'] }
});
