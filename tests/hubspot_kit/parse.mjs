// What the card reads out of texts: a list of them on standard input, a list of what they say on standard output.
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

const details = new URL('../../connectors/hubspot/src/app/cards/details.ts', import.meta.url).pathname;
const { outputFiles } = await build({ entryPoints: [details], bundle: true, format: 'esm', write: false });
const code = `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`;
const { parse } = await import(code);
console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(parse)));
