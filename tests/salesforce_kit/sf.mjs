// Salesforce's own `sf project convert source`, from its plugin: the whole command line is three times the size.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flush, handle, run } from '@oclif/core';

const root = `${dirname(fileURLToPath(import.meta.url))}/node_modules/@salesforce/plugin-deploy-retrieve`;
await run(process.argv.slice(2), { root })
    .then(() => flush())
    .catch(handle);
