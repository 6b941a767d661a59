// The card as it is, with stand-ins for what only HubSpot has around it, as one script that any browser runs.
import { resolve } from 'node:path';
import { build as bundle } from 'esbuild';

const HERE = import.meta.dirname ?? new URL('.', import.meta.url).pathname;

/** Code of the page; `kit` is the folder of the project. */
export async function build(kit) {
    const { outputFiles } = await bundle({
        entryPoints: [resolve(HERE, 'page.jsx')],
        bundle: true,
        write: false,
        format: 'iife',
        logLevel: 'silent',
        alias: { 'the-card': resolve(kit, 'src/app/cards/DealCard.tsx') },
        nodePaths: [resolve(HERE, '../node_modules')],
        define: { 'process.env.NODE_ENV': '"production"' }
    });
    return outputFiles[0].text;
}
