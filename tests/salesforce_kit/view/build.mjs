// The kit's components with Salesforce's own base components, as one script that any browser runs.
import { cpSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import lwc from '@lwc/rollup-plugin';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import replace from '@rollup/plugin-replace';
import { rollup } from 'rollup';

const HERE = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const STUBS = {
    'lightning/uiRecordApi': 'wires.js',
    'lightning/uiRelatedListApi': 'wires.js',
    '@salesforce/i18n/locale': 'locale.js',
    'lightning/navigation': 'navigation.js',
    'lightning/platformShowToastEvent': 'toast.js'
};

const COPY = resolve(HERE, '../node_modules/.kit');

/** What only a real org has; labels and formats come with the base components. */
const platform = {
    name: 'platform',
    resolveId: (id) => (STUBS[id] ? resolve(HERE, 'stubs', STUBS[id]) : null)
};

/** Code of the page; `kit` is the folder of the SFDX project. */
export async function build(kit) {
    // components are looked for from where the importing one lies, up to a package.json: so they lie here for the build
    rmSync(COPY, { recursive: true, force: true });
    cpSync(resolve(kit, 'force-app/main/default/lwc'), resolve(COPY, 'c'), { recursive: true });
    const bundle = await rollup({
        input: resolve(HERE, 'page.js'),
        plugins: [
            platform,
            replace({
                preventAssignment: true,
                delimiters: ['\\b', '\\b'],
                values: { 'process.env.NODE_ENV': '"production"', 'import.meta.env': '({ SSR: false })' }
            }),
            lwc({
                rootDir: HERE,
                modules: [{ dir: COPY }, { npm: 'lightning-base-components' }],
                enableDynamicComponents: true
            }),
            nodeResolve({ browser: true, modulePaths: [resolve(HERE, '../node_modules')] })
        ],
        onwarn: () => {}
    });
    const { output } = await bundle.generate({ format: 'iife', inlineDynamicImports: true });
    return output[0].code;
}
