// ESLint with Salesforce's own configuration over the kit's components; what it finds is printed.
import { resolve } from 'node:path';
import lwc from '@salesforce/eslint-config-lwc';
import { ESLint } from 'eslint';

const cwd = resolve(process.argv[2]);
const eslint = new ESLint({ cwd, overrideConfigFile: true, overrideConfig: lwc.configs.recommended, warnIgnored: true });
const results = await eslint.lintFiles(['**/lwc/**/*.js']);
const found = results.flatMap((each) => each.messages.map((m) => `${each.filePath}:${m.line}: ${m.message} (${m.ruleId})`));
console.log(`${results.length} files`);
console.log(found.join('\n'));
process.exitCode = found.length ? 1 : 0;
