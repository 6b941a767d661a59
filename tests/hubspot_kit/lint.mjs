// ESLint with HubSpot's own configuration over the cards of a project; what it finds is printed.
import { resolve } from 'node:path';
import { config } from '@hubspot/eslint-config-ui-extensions';
import parser from '@typescript-eslint/parser';
import { ESLint } from 'eslint';

const FILES = ['**/cards/**/*.{ts,tsx}'];
const parsed = { files: FILES, languageOptions: { parser, parserOptions: { ecmaFeatures: { jsx: true } } } };
const theirs = config.map((each) => ({ ...each, files: FILES }));
const cwd = resolve(process.argv[2]);
const eslint = new ESLint({ cwd, overrideConfigFile: true, overrideConfig: [...theirs, parsed], warnIgnored: true });
const results = await eslint.lintFiles(FILES);
const found = results.flatMap((each) => each.messages.map((m) => `${each.filePath}:${m.line}: ${m.message} (${m.ruleId})`));
console.log(`${results.length} files`);
console.log(found.join('\n'));
process.exitCode = found.length ? 1 : 0;
